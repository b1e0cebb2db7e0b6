import { api, type Cdr, type Disposition, unwrap } from "../api/client";
import { ended, useEnded } from "../api/ended";
import { dateTime, duration, words } from "../ui/format";
import { useFilter, useTitle, useTypedFilter } from "../ui/hooks";
import { HistoryIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { Days, News, range, useNewest } from "../ui/Newest";
import { Search } from "../ui/Search";
import { Badge, Empty, PageHead, Party, type Tone } from "../ui/States";
import { type Column, Table } from "../ui/Table";
import { Story } from "./Story";
import { why } from "./why";

const TONES: Record<Disposition, Tone> = {
  answered: "good",
  busy: "warn",
  no_answer: "warn",
  cancelled: "plain",
  rejected: "bad",
  failed: "bad",
};

/** The filter of the list; an empty string filters nothing. Days are in the time zone of the browser. */
export type Filter = { q: string; result: string; from: string; to: string };

export function HistoryPage() {
  useTitle("Call history");
  const [typed, setTyped, q] = useTypedFilter("q");
  const [result, setResult] = useFilter("result");
  const [from, setFrom] = useFilter("from");
  const [to, setTo] = useFilter("to");
  const filter: Filter = { q, result: result in TONES ? result : "", from, to };
  const { list, first, items: cdrs, showNew } = useNewest(["cdrs", filter], async (cursor, signal) => {
    const seen = ended.count();
    const query = {
      limit: 100,
      ...(filter.q && { q: filter.q }),
      ...(filter.result && { disposition: filter.result as Disposition }),
      ...range(from, to),
      ...(cursor && { cursor }),
    };
    return { ...(await unwrap(api.GET("/api/v1/cdrs", { params: { query }, signal }))), seen };
  });
  const news = useNews(filter, first);
  const narrowed = Object.values(filter).some(Boolean);
  return (
    <>
      <PageHead title="Call history" note="Calls that have ended, newest first">
        <Search label="Search calls" placeholder="Number or name" maxLength={100} value={typed} onChange={setTyped} />
        <Days from={from} to={to} setFrom={setFrom} setTo={setTo} />
        <label>
          <span className="sr-only">How it ended</span>
          <select value={filter.result} onChange={(event) => setResult(event.target.value)}>
            <option value="">All calls</option>
            {Object.keys(TONES).map((name) => (
              <option key={name} value={name}>
                {words(name)}
              </option>
            ))}
          </select>
        </label>
      </PageHead>
      <News text={news} onClick={showNew} />
      <Listing
        query={list}
        count={cdrs.length}
        more={q ? "Search older calls" : undefined}
        empty={
          <Empty icon={<HistoryIcon />} title={narrowed ? "Nothing found" : "No calls yet"}>
            <p>
              {!narrowed && "Each call that ends is kept here."}
              {narrowed && (list.hasNextPage ? "No such call among the latest calls." : "No call fits this filter.")}
            </p>
          </Empty>
        }
      >
        <Table
          items={cdrs}
          id={(cdr) => cdr.call_id}
          columns={COLUMNS}
          details={{
            label: (cdr) => `Details of the call from ${cdr.from} to ${cdr.dialed}`,
            show: (cdr) => <Story cdr={cdr} />,
          }}
        />
      </Listing>
    </>
  );
}

/** The text of the button for calls that ended since the list was read. */
function useNews(filter: Filter, first: { items: Cdr[]; seen: number } | undefined): string | undefined {
  const { total, missed, kept } = useEnded();
  if (!first || total <= first.seen) return undefined;
  const known = new Set(first.items.map((cdr) => cdr.call_id));
  const since = kept.slice(Math.max(0, kept.length - (total - first.seen)));
  const count = since.filter((cdr) => matches(cdr, filter) && !known.has(cdr.call_id)).length;
  if (missed > first.seen || total - first.seen > kept.length) return "Show new calls";
  if (count === 0) return undefined;
  return count === 1 ? "1 new call" : `${count} new calls`;
}

/** True if the filter of a list lets a call through, by the rules of the API. */
export function matches(cdr: Cdr, { q, result, from, to }: Filter): boolean {
  const text = q.toLowerCase();
  const { from: start, to: end } = range(from, to);
  return (
    (!q || [cdr.from, cdr.to, cdr.dialed, cdr.from_name].some((field) => field.toLowerCase().includes(text))) &&
    (!result || cdr.disposition === result) &&
    (!start || Date.parse(cdr.started_at) >= Date.parse(start)) &&
    (!end || Date.parse(cdr.started_at) < Date.parse(end))
  );
}

const COLUMNS: Column<Cdr>[] = [
  { head: "Time", look: "nowrap", show: (cdr) => dateTime(cdr.started_at) },
  { head: "From", show: (cdr) => <Party number={cdr.from} name={cdr.from_name} /> },
  { head: "To", show: ({ to, dialed }) => <Party number={to || dialed} name={to && to !== dialed ? `dialled ${dialed}` : undefined} /> },
  { head: "Result", show: (cdr) => <Badge tone={TONES[cdr.disposition]}>{words(cdr.disposition)}</Badge> },
  { head: "Talk", look: "right number", show: (cdr) => (cdr.answered_at ? duration(cdr.talk_seconds) : "—") },
  { head: "Why", look: "muted", show: why },
];
