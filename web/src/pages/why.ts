// A record in words. The API sends the sentence for the cause; nothing here reads the technical detail.

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

/** The party that ended a call, in words. */
export const who = (ended_by: Cdr["ended_by"]): string => WHO[ended_by] ?? ended_by;

const BEGAN = {
  started: "Called, no answer yet",
  answered: "Answered",
  transferred: "Transferred",
  replaced: "Another phone took over",
  returned: "Came back from a transfer",
  left: "The other party hung up",
} as const satisfies Record<Began, string>;

/** Why a part of a call began. After a transfer, a party that is alone is the party that asked for the transfer. */
export const began = ({ why, with: other }: { why: Began; with: string }): string =>
  why === "transferred" && !other ? "Waited for its transfer" : (BEGAN[why] ?? why);

const LINKS = {
  transferred_to: "Went on as another call",
  transferred_from: "Came from another call",
  joined: "Took over a place in another call",
  joined_by: "Another call took over a place in this one",
} as const satisfies Record<LinkKind, string>;

/** How a call is linked to another call. A party that went there by a transfer may also have come back. */
export const linked = (how: LinkKind[]): string =>
  how.includes("transferred_to") && how.includes("transferred_from")
    ? "Went to another call and came back"
    : how.map((kind) => LINKS[kind] ?? kind).join(", ");

/** The two parties that were together. After an answer without another party, the party hears Tandem itself. */
export const together = ({ party, with: other, why }: { party: string; with: string; why: Began }): string => {
  if (other) return `${party} with ${other}`;
  return why === "answered" ? `${party} with Tandem` : party;
};
