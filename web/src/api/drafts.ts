// Drafts: changes of dialplans that are not saved. They are kept while this tab is open, on all its pages and for all
// people who sign in.

import { useEffect, useSyncExternalStore } from "react";

/** A text that was not saved, with the version that it was made from. */
export type Draft = { text: string; base: string; version: string };

let all: Readonly<Record<string, Draft>> = {};
const listeners = new Set<() => void>();

export const drafts = {
  all: () => all,
  /** `undefined` for `draft` forgets the draft. */
  set(name: string, draft: Draft | undefined) {
    const { [name]: _, ...others } = all;
    all = draft ? { ...others, [name]: draft } : others;
    for (const listener of listeners) listener();
  },
  subscribe(listener: () => void) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

export const useDrafts = () => useSyncExternalStore(drafts.subscribe, drafts.all);

/** Makes the browser ask before a tab with unsaved changes is left. */
export function useAskBeforeLeaving() {
  const unsaved = Object.keys(useDrafts()).length > 0;
  useEffect(() => {
    if (!unsaved) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [unsaved]);
}
