import { useEffect, useState, useSyncExternalStore } from "react";

import { session } from "../api/session";

/** The time, new every second: for durations that run. */
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

export const useToken = () => useSyncExternalStore(session.subscribe, session.token);

export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Tandem`;
  }, [title]);
}
