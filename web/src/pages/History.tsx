import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Cdr, type Disposition, unwrap } from "../api/client";
import { dateTime, duration, words } from "../ui/format";
import { useSettled, useTitle } from "../ui/hooks";
import { HistoryIcon, SearchIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { Badge, Empty, PageHead, Party, type Tone } from "../ui/States";
import { type Column, type Fact, Facts, Table } from "../ui/Table";
import { who, why } from "./why";

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
      <Listing
        query={list}
        count={cdrs.length}
        empty={
          <Empty icon={<HistoryIcon />} title={filtered ? "Nothing found" : "No calls yet"}>
            <p>{filtered ? "No call is like that." : "A call shows up here when it has ended."}</p>
          </Empty>
        }
      >
        <Table
          items={cdrs}
          id={(cdr) => cdr.call_id}
          columns={COLUMNS}
          details={{
            label: (cdr) => `Details of the call from ${cdr.from} to ${cdr.dialed}`,
            show: (cdr) => <Facts facts={facts(cdr)} />,
          }}
        />
      </Listing>
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

const COLUMNS: Column<Cdr>[] = [
  { head: "Time", look: "nowrap", show: (cdr) => dateTime(cdr.started_at) },
  { head: "From", show: (cdr) => <Party number={cdr.from} name={cdr.from_name} /> },
  { head: "To", show: ({ to, dialed }) => <Party number={to || dialed} name={to && to !== dialed ? `dialled ${dialed}` : undefined} /> },
  { head: "Result", show: (cdr) => <Badge tone={TONES[cdr.disposition]}>{words(cdr.disposition)}</Badge> },
  { head: "Talk", look: "right number", show: (cdr) => (cdr.answered_at ? duration(cdr.talk_seconds) : "—") },
  { head: "Why", look: "muted", show: why },
];

function facts(cdr: Cdr): Fact[] {
  const status = cdr.sip_code ? String(cdr.sip_code) : "none";
  return [
    { name: "Ended by", value: who(cdr.ended_by) },
    { name: "SIP status the caller got", value: status },
    { name: "Detail", value: cdr.detail },
    { name: "Dialled", value: cdr.dialed },
    { name: "Answered", value: cdr.answered_at && dateTime(cdr.answered_at) },
    { name: "Ended", value: dateTime(cdr.ended_at) },
    { name: "Call id, as in the log", value: cdr.call_id, look: "code" },
    { name: "SIP Call-ID, as in the phone's log", value: cdr.sip_call_id, look: "code" },
  ];
}
