// A recording in words.

import type { Recording, RecordingEnd, RecordingKind } from "../api/client";

export const kinds = {
  call: "Call",
  caller: "Message",
  conference: "Conference",
} as const satisfies Record<RecordingKind, string>;

export const ends = {
  stopped: "Stopped",
  max: "Reached its longest duration",
  silence: "Silence",
  hangup: "The recorded party hung up",
  failed: "The file could not be written",
  interrupted: "Tandem was stopped meanwhile",
} as const satisfies Record<RecordingEnd, string>;

/** `101 with 102`, `Conference sales`, `Message note-3 of 101`. */
export function title({ kind, name, call }: Recording): string {
  const from = call?.from || "an unknown caller";
  if (kind === "conference") return `Conference ${name}`;
  if (kind === "caller") return `Message ${name} of ${from}`;
  return `${from} with ${call?.to || call?.dialed || "nobody"}`;
}
