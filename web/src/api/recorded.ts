// Recordings that began while the page was open. They do not move a list that a person reads: the list says that there are
// new recordings.

import { useSyncExternalStore } from "react";

let begun = 0;
const listeners = new Set<() => void>();

export const recorded = {
  /** The count at the moment when a list is read. */
  count: () => begun,
  /** A recording began, or may have begun while events were missed. */
  add() {
    begun += 1;
    for (const listener of listeners) listener();
  },
};

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useRecorded = () => useSyncExternalStore(subscribe, recorded.count);
