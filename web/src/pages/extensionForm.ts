// What the dialog of an extension shows as text and switches, and what of it is sent.

import type { Extension, ExtensionPatch } from "../api/client";

/** Targets of forwarded calls, with their labels. */
export const FORWARDS = [
  ["forward_always", "Always forward to"],
  ["forward_busy", "When busy, forward to"],
  ["forward_no_answer", "When not answered, forward to"],
  ["forward_unreachable", "When no phone can be reached, forward to"],
] as const;

/** How keys reach a phone, with the texts of the choice. */
export const KEYS = [
  ["auto", "Automatic"],
  ["rfc4733", "RFC 4733"],
  ["info", "SIP INFO"],
  ["inband", "Tones in the sound (inband)"],
] as const satisfies readonly (readonly [Extension["dtmf"], string])[];

const WORDS = ["pickup_group", "music"] as const;
const COUNTS = ["no_answer_seconds", "call_limit"] as const;
const SWITCHES = ["dnd", "voicemail", "require_qop", "reject_anonymous", "hide_number", "intercom"] as const;

type Text = "name" | (typeof FORWARDS)[number][0] | (typeof WORDS)[number] | (typeof COUNTS)[number];

export type Form = Record<Text, string> &
  Record<(typeof SWITCHES)[number], boolean> & {
    transcode: Extension["transcode"];
    dtmf: Extension["dtmf"];
    /** A new PIN; empty: the present one stays, unless it is removed. */
    pin: string;
    remove_pin: boolean;
  };

/** The fields that show their faults themselves. */
export const TEXTS: readonly Text[] = ["name", ...FORWARDS.map(([field]) => field), ...WORDS, ...COUNTS];

export function formOf(extension: Extension): Form {
  const texts = TEXTS.map((field) => [field, String(extension[field] ?? "")]);
  const switches = SWITCHES.map((field) => [field, extension[field]]);
  return { ...Object.fromEntries([...texts, ...switches]), transcode: extension.transcode, dtmf: extension.dtmf, pin: "", remove_pin: false } as Form;
}

/** A form after another person changed the extension: typed values stay, the other fields get the new values. */
export function rebased(base: Extension, current: Extension, form: Form): Form {
  const typed = Object.keys(difference(base, form)) as (keyof Form)[];
  const { remove_pin } = form;
  return { ...formOf(current), remove_pin, ...Object.fromEntries(typed.map((field) => [field, form[field]])) };
}

/** Only changed fields are sent, so that changes of other people to other fields stay. */
export function difference(extension: Extension, form: Form): ExtensionPatch {
  const patch: ExtensionPatch = {};
  if (form.name.trim() !== extension.name) patch.name = form.name.trim();
  if (form.pin) patch.pin = form.pin;
  else if (form.remove_pin) patch.pin = null;
  if (form.transcode !== extension.transcode) patch.transcode = form.transcode;
  if (form.dtmf !== extension.dtmf) patch.dtmf = form.dtmf;
  for (const field of SWITCHES) if (form[field] !== extension[field]) patch[field] = form[field];
  for (const field of [...FORWARDS.map(([field]) => field), ...WORDS]) {
    const text = form[field].trim() || null;
    if (text !== (extension[field] ?? null)) patch[field] = text;
  }
  for (const field of COUNTS) {
    const text = form[field].trim();
    const count = text ? Number(text) : null;
    if (count !== (extension[field] ?? null)) patch[field] = count;
  }
  return patch;
}
