// A list that is read from the API: loading, failed, empty or shown, with a button for the next page.

import type { ReactNode } from "react";

import { Failed, Loading } from "./States";

/** The parts of a query that are used here, for lists with or without pages. */
type Query = {
  isPending: boolean;
  isFetching: boolean;
  error: unknown;
  data: unknown;
  refetch: () => unknown;
  hasNextPage?: boolean;
  fetchNextPage?: () => unknown;
};

type Props = {
  query: Query;
  count: number;
  /** The text of the button for the next page. */
  more?: string | undefined;
  empty: ReactNode;
  children: ReactNode;
};

export function Listing({ query, count, more = "Show more", empty, children }: Props) {
  if (query.isPending) return <Loading />;
  // Items that were read before stay on the screen. A banner above says that Tandem cannot be reached.
  if (query.data === undefined) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return (
    <>
      {count === 0 ? empty : children}
      {query.hasNextPage && (
        <button type="button" className="more" disabled={query.isFetching} onClick={() => void query.fetchNextPage?.()}>
          {more}
        </button>
      )}
    </>
  );
}
