// Calls that ended while the page was open. They do not move a list that a person reads: the list shows their number.

import { useSyncExternalStore } from "react";

import type { Cdr } from "./client";

/** The number of calls that are kept. Others are only counted. */
const MOST = 1_000;

type Ended = {
  /** The number of all calls that ended. */
  total: number;
  /** The `total` when events were last missed: more calls may have ended. */
  missed: number;
  /** The latest calls, in the order of their end. */
  kept: readonly Cdr[];
};

let now: Ended = { total: 0, missed: 0, kept: [] };
const listeners = new Set<() => void>();

function become(next: Ended) {
  now = next;
  for (const listener of listeners) listener();
}

export const ended = {
  /** The count at the moment when a list is read. */
  count: () => now.total,
  add: (cdr: Cdr) => become({ ...now, total: now.total + 1, kept: [...now.kept, cdr].slice(-MOST) }),
  /** Events were missed: the calls that ended are not known. */
  miss: () => become({ ...now, total: now.total + 1, missed: now.total + 1, kept: [] }),
};

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useEnded = () => useSyncExternalStore(subscribe, () => now);
