import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

import { api, type Subscription, unwrap } from "../api/client";
import { useTitle, useTypedFilter } from "../ui/hooks";
import { LampIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { Search } from "../ui/Search";
import { Badge, Empty, PageHead } from "../ui/States";
import { type Column, Table } from "../ui/Table";
import { Remaining } from "../ui/Time";

export function SubscriptionsPage() {
  useTitle("Subscriptions");
  const [watcherTyped, setWatcher, watcher] = useTypedFilter("watcher");
  const [numberTyped, setNumber, number] = useTypedFilter("number");
  const list = useInfiniteQuery({
    queryKey: ["subscriptions", watcher, number],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 500, ...(watcher && { watcher }), ...(number && { number }), ...(pageParam && { cursor: pageParam }) };
      return unwrap(api.GET("/api/v1/subscriptions", { params: { query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    // Subscriptions have no events.
    refetchInterval: 15_000,
  });
  const subscriptions = list.data?.pages.flatMap((page) => page.items) ?? [];
  const narrowed = watcher || number;
  return (
    <>
      <PageHead title="Subscriptions" note="Lamps and other states that phones watch">
        <Search label="Watched by" placeholder="Watched by" maxLength={32} value={watcherTyped} onChange={setWatcher} />
        <Search label="Watched number" placeholder="Watched number" maxLength={32} value={numberTyped} onChange={setNumber} />
      </PageHead>
      <Listing
        query={list}
        count={subscriptions.length}
        empty={
          <Empty icon={<LampIcon />} title={narrowed ? "Nothing found" : "No phone watches a number"}>
            <p>{narrowed ? "No subscription fits this filter." : "A phone shows up here when a lamp key of it is set to a number."}</p>
          </Empty>
        }
      >
        <Table items={subscriptions} id={(subscription) => subscription.id} columns={COLUMNS} />
      </Listing>
    </>
  );
}

/** What is watched, by event package. */
const WATCHED: { [name: string]: string } = {
  dialog: "lamp",
  presence: "presence",
  "message-summary": "messages",
  reg: "registrations",
  conference: "conference",
  "as-feature-event": "DND and forward keys",
  "ua-profile": "settings",
};

const COLUMNS: Column<Subscription>[] = [
  { head: "Phone of", look: "number strong", show: ({ watcher }) => watcher },
  {
    head: "Watches",
    show: (subscription) => (
      <span className="row">
        <span className="number">{subscription.number}</span>
        <Badge tone="plain">{WATCHED[subscription.package] ?? subscription.package}</Badge>
      </span>
    ),
  },
  { head: "State", show: State },
  {
    head: "From",
    look: "wide-only",
    show: ({ source, transport }) => (
      <span className="row">
        <span className="number">{source}</span>
        <Badge tone="plain">{transport}</Badge>
      </span>
    ),
  },
  { head: "Ends", look: "right number", show: ({ expires_at }) => <Remaining until={expires_at} /> },
];

/** Whether the phone takes what it is told. */
function State({ state, failures, last_answer }: Subscription) {
  if (failures === 0) return <Badge tone={state === "active" ? "good" : "plain"}>{state}</Badge>;
  const count = failures === 1 ? "1 NOTIFY failed" : `${failures} NOTIFYs failed`;
  return <Badge tone="bad">{last_answer ? `${count}: ${last_answer}` : count}</Badge>;
}
