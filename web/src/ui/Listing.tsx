// A list as it is asked for: loading, not to be had, empty, or there, with more where there is more.

import type { ReactNode } from "react";

import { Failed, Loading } from "./States";

/** What is used of a query, paged or not. */
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
  /** What the button for more says. */
  more?: string | undefined;
  empty: ReactNode;
  children: ReactNode;
};

export function Listing({ query, count, more = "Show more", empty, children }: Props) {
  if (query.isPending) return <Loading />;
  // What was read before is still shown: above it stands that Tandem cannot be reached.
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
