// Calls that ended while the page was open: a list that is being read is not moved by them, it says how many there are.

import { useSyncExternalStore } from "react";

import type { Cdr } from "./client";

/** More than these are only counted. */
const MOST = 1_000;

type Ended = {
  /** How many there were in all. */
  total: number;
  /** The `total` at which events were last missed: there may have been more. */
  missed: number;
  /** The latest ones, the last one last. */
  kept: readonly Cdr[];
};

let now: Ended = { total: 0, missed: 0, kept: [] };
const listeners = new Set<() => void>();

function become(next: Ended) {
  now = next;
  for (const listener of listeners) listener();
}

export const ended = {
  /** What a list has seen that is asked for now. */
  count: () => now.total,
  add: (cdr: Cdr) => become({ ...now, total: now.total + 1, kept: [...now.kept, cdr].slice(-MOST) }),
  /** Events were missed: nobody knows what ended. */
  miss: () => become({ ...now, total: now.total + 1, missed: now.total + 1, kept: [] }),
};

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useEnded = () => useSyncExternalStore(subscribe, () => now);
