import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Fragment, useState } from "react";

import { api, type Cdr, type Disposition, unwrap } from "../api/client";
import { dateTime, duration, words } from "../ui/format";
import { useSettled, useTitle } from "../ui/hooks";
import { ChevronIcon, HistoryIcon, SearchIcon } from "../ui/Icons";
import { Badge, Empty, Failed, Loading, PageHead, Party, type Tone } from "../ui/States";

const TONES: Record<Disposition, Tone> = {
  answered: "good",
  busy: "warn",
  no_answer: "warn",
  cancelled: "plain",
  rejected: "bad",
  failed: "bad",
};

export function HistoryPage() {
  useTitle("Call history");
  const [search, setSearch] = useState("");
  const [disposition, setDisposition] = useState<Disposition | "">("");
  const [day, setDay] = useState("");
  const number = useSettled(search.trim());
  const list = useInfiniteQuery({
    queryKey: ["cdrs", number, disposition, day],
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: 50,
        ...(number && { number }),
        ...(disposition && { disposition }),
        ...dayRange(day),
        ...(pageParam && { cursor: pageParam }),
      };
      return unwrap(api.GET("/api/v1/cdrs", { params: { query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
  const cdrs = list.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Boolean(number || disposition || day);
  return (
    <>
      <PageHead title="Call history" note="Calls that have ended, newest first">
        <label className="search">
          <span className="sr-only">Number</span>
          <SearchIcon />
          <input
            type="search"
            placeholder="Number"
            maxLength={256}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </label>
        <label>
          <span className="sr-only">Day</span>
          <input type="date" value={day} onChange={(event) => setDay(event.target.value)} />
        </label>
        <label>
          <span className="sr-only">How it ended</span>
          <select value={disposition} onChange={(event) => setDisposition(event.target.value as Disposition | "")}>
            <option value="">All calls</option>
            {Object.keys(TONES).map((name) => (
              <option key={name} value={name}>
                {words(name)}
              </option>
            ))}
          </select>
        </label>
      </PageHead>
      {list.isPending ? (
        <Loading />
      ) : list.isError ? (
        <Failed error={list.error} retry={() => void list.refetch()} />
      ) : cdrs.length === 0 ? (
        <Empty icon={<HistoryIcon />} title={filtered ? "Nothing found" : "No calls yet"}>
          <p>{filtered ? "No call is like that." : "A call shows up here when it has ended."}</p>
        </Empty>
      ) : (
        <>
          <CdrTable cdrs={cdrs} />
          {list.hasNextPage && (
            <button type="button" className="more" disabled={list.isFetching} onClick={() => void list.fetchNextPage()}>
              Show more
            </button>
          )}
        </>
      )}
    </>
  );
}

/** A day of the person who looks, as the API wants it. */
export function dayRange(day: string): { from?: string; to?: string } {
  const start = new Date(`${day}T00:00:00`);
  if (!day || Number.isNaN(start.getTime())) return {};
  const end = new Date(start);
  end.setDate(end.getDate() + 1);
  return { from: start.toISOString(), to: end.toISOString() };
}

function CdrTable({ cdrs }: { cdrs: Cdr[] }) {
  const [open, setOpen] = useState<string>();
  return (
    <div className="card table">
      <table>
        <thead>
          <tr>
            <th className="narrow">
              <span className="sr-only">Details</span>
            </th>
            <th>Time</th>
            <th>From</th>
            <th>To</th>
            <th>Result</th>
            <th className="right">Talk</th>
            <th className="wide-only">Why</th>
          </tr>
        </thead>
        <tbody>
          {cdrs.map((cdr) => (
            <Fragment key={cdr.call_id}>
              <tr>
                <td className="narrow">
                  <button
                    type="button"
                    className="quiet square expand"
                    aria-expanded={open === cdr.call_id}
                    aria-label={`Details of the call from ${cdr.from} to ${cdr.dialed}`}
                    onClick={() => setOpen(open === cdr.call_id ? undefined : cdr.call_id)}
                  >
                    <ChevronIcon />
                  </button>
                </td>
                <td className="nowrap">{dateTime(cdr.started_at)}</td>
                <td>
                  <Party number={cdr.from} name={cdr.from_name} />
                </td>
                <td>
                  <Party number={cdr.to || cdr.dialed} />
                </td>
                <td>
                  <Badge tone={TONES[cdr.disposition]}>{words(cdr.disposition)}</Badge>
                </td>
                <td className="right number">{cdr.answered_at ? duration(cdr.talk_seconds) : "—"}</td>
                <td className="wide-only muted">{cdr.detail}</td>
              </tr>
              {open === cdr.call_id && (
                <tr className="detail">
                  <td colSpan={7}>
                    <Facts cdr={cdr} />
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Facts({ cdr }: { cdr: Cdr }) {
  const facts: [string, string | null | undefined, boolean?][] = [
    ["Why", cdr.detail],
    ["Ended by", words(cdr.ended_by)],
    ["SIP status", cdr.sip_code ? String(cdr.sip_code) : "none"],
    ["Dialled", cdr.dialed],
    ["Answered", cdr.answered_at && dateTime(cdr.answered_at)],
    ["Ended", dateTime(cdr.ended_at)],
    ["Call id", cdr.call_id, true],
    ["SIP Call-ID", cdr.sip_call_id, true],
  ];
  return (
    <dl className="facts">
      {facts.map(
        ([name, value, code]) =>
          value && (
            <div key={name}>
              <dt>{name}</dt>
              <dd className={code ? "code" : undefined}>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
