// Lists with the newest first that do not move while a person reads them: what is new waits behind a button.

import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

/** A page of a list, and the count of new things at the moment when the page was read. */
type Page<T> = { items: T[]; next_cursor?: string | null; seen: number };

/** The list with that key. `read` reads a page; an empty cursor is the first page. */
export function useNewest<T>(queryKey: readonly unknown[], read: (cursor: string, signal: AbortSignal) => Promise<Page<T>>) {
  const client = useQueryClient();
  const list = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (page: Page<T>) => page.next_cursor,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    // A person who comes back later begins at the top.
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const showNew = () => {
    scrollTo({ top: 0 });
    // From the top again: only the first page, however many were loaded.
    void client.resetQueries({ queryKey, exact: true });
  };
  return { list, first: list.data?.pages[0], items: list.data?.pages.flatMap((page) => page.items) ?? [], showNew };
}

/** The button that shows what is new; nothing without a text. */
export function News({ text, onClick }: { text: ReactNode; onClick: () => void }) {
  return (
    <div role="status">
      {text && (
        <button type="button" className="news" onClick={onClick}>
          {text}
        </button>
      )}
    </div>
  );
}

type DaysProps = { from: string; to: string; setFrom: (day: string) => void; setTo: (day: string) => void };

/** The fields for the first and the last day of a list. */
export function Days({ from, to, setFrom, setTo }: DaysProps) {
  return (
    <>
      <label className="labelled">
        <span>From</span>
        <input type="date" value={from} max={to || undefined} onChange={(event) => setFrom(event.target.value)} />
      </label>
      <label className="labelled">
        <span>to</span>
        <input type="date" value={to} min={from || undefined} onChange={(event) => setTo(event.target.value)} />
      </label>
    </>
  );
}

/** The times from the first day to the end of the last day, in the time zone of the browser. */
export function range(from: string, to: string): { from?: string; to?: string } {
  const midnight = (day: string) => {
    const start = new Date(`${day}T00:00:00`);
    return day && !Number.isNaN(start.getTime()) ? start : undefined;
  };
  const [start, end] = [midnight(from), midnight(to)];
  end?.setDate(end.getDate() + 1);
  return { ...(start && { from: start.toISOString() }), ...(end && { to: end.toISOString() }) };
}
