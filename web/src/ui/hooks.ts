import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useSearchParams } from "react-router";

import { session } from "../api/session";

/** The present time, updated every second: for durations that run. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** A value once it has been quiet for a moment: for searches while typing. */
export function useSettled<T>(value: T, milliseconds = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

/** A filter of a list. It is part of the address, so that a view can be kept and sent to other people. */
export function useFilter(name: string): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string) =>
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          if (value) next.set(name, value);
          else next.delete(name);
          return next;
        },
        { replace: true },
      ),
    [name, setParams],
  );
  return [params.get(name) ?? "", set];
}

/** A filter that is typed: it goes into the address once it has been quiet for a moment. */
export function useTypedFilter(name: string): [string, (value: string) => void, string] {
  const [filter, setFilter] = useFilter(name);
  const [typed, setTyped] = useState(filter);
  const settled = useSettled(typed.trim());
  const written = useRef(filter);
  useEffect(() => {
    if (settled === written.current) return;
    written.current = settled;
    setFilter(settled);
  }, [settled, setFilter]);
  // The address was changed by a link.
  useEffect(() => {
    if (filter === written.current) return;
    written.current = filter;
    setTyped(filter);
  }, [filter]);
  return [typed, setTyped, filter];
}

export const useToken = () => useSyncExternalStore(session.subscribe, session.token);

export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Tandem`;
  }, [title]);
}
