// What is said of a record in words. The sentence comes with the code of its cause; nothing here reads the detail.

import type { Began, Cdr, LinkKind } from "../api/client";

/** Why a call ended, in a sentence without a full stop. */
export const why = (cdr: Cdr): string => cdr.cause.text || "Unknown";

const WHO = {
  caller: "the caller",
  callee: "the callee",
  script: "the dialplan",
  admin: "an administrator",
  system: "Tandem",
} as const satisfies Record<Cdr["ended_by"], string>;

/** Who ended a call, in words. */
export const who = (ended_by: Cdr["ended_by"]): string => WHO[ended_by] ?? ended_by;

const BEGAN = {
  started: "The call began",
  answered: "Answered",
  transferred: "Transferred",
  replaced: "Another phone took over",
  returned: "Came back from a transfer",
  left: "The other party left",
} as const satisfies Record<Began, string>;

/** Why a part of a call began. */
export const began = (why: Began): string => BEGAN[why] ?? why;

const LINKS = {
  transferred_to: "Went on as another call",
  transferred_from: "Came from another call",
  joined: "Took a place in another call",
  joined_by: "Another call took a place in this one",
} as const satisfies Record<LinkKind, string>;

/** How a call belongs to another one. */
export const linked = (how: LinkKind): string => LINKS[how] ?? how;

/** The two that were together. Alone: with Tandem, or with nobody while it rang. */
export const together = ({ party, with: other }: { party: string; with: string }): string =>
  other ? `${party} with ${other}` : `${party} alone`;
