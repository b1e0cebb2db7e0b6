// What happened in a call that has ended: who talked with whom and when, and the calls that belong to it.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Cdr, unwrap } from "../api/client";
import { clock, dateTime, duration } from "../ui/format";
import { message } from "../ui/States";
import { type Fact, Facts } from "../ui/Table";
import { began, linked, together, who, why } from "./why";

/** Shorter parts of a call, in seconds, are not shown. */
const MOMENT = 0.5;

/** The details of a record. `seen`: the calls whose records are open around it, so that no record is shown in itself. */
export function Story({ cdr, seen = [] }: { cdr: Cdr; seen?: string[] }) {
  const others = cdr.links.filter((link) => !seen.includes(link.call_id));
  return (
    <>
      <Segments cdr={cdr} />
      {others.map((link) => (
        <Linked key={link.call_id + link.how} link={link} seen={[...seen, cdr.call_id]} />
      ))}
      <Facts facts={facts(cdr)} />
    </>
  );
}

function Segments({ cdr }: { cdr: Cdr }) {
  const seconds = ({ from, to }: Cdr["segments"][number]) => (Date.parse(to) - Date.parse(from)) / 1000;
  // A party that leaves is followed by the end within a moment, most often.
  const shown = cdr.segments.filter((segment, i) => i === 0 || seconds(segment) >= MOMENT);
  return (
    <ol className="story" aria-label="Who talked with whom">
      {shown.map((segment) => (
        <li key={segment.from + segment.why}>
          <time dateTime={segment.from}>{clock(segment.from)}</time>
          <b>{together(segment)}</b>
          <span className="muted">
            {began(segment.why)} · {duration(seconds(segment))}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Linked({ link, seen }: { link: Cdr["links"][number]; seen: string[] }) {
  const [open, setOpen] = useState(false);
  const other = useQuery({
    queryKey: ["cdr", link.call_id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/cdrs/{call_id}", { params: { path: { call_id: link.call_id } }, signal })),
    enabled: open,
    // A record does not change; one that is not there yet may come.
    staleTime: Infinity,
    retry: false,
  });
  return (
    <div className="linked">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        {linked(link.how)}
      </button>
      {open && other.error && <p role="alert">The other record cannot be shown: {message(other.error)}</p>}
      {open && other.data && (
        <div className="inner">
          <p>
            {dateTime(other.data.started_at)}, from <b>{other.data.from}</b> to <b>{other.data.to || other.data.dialed}</b>: {why(other.data)}
          </p>
          <Story cdr={other.data} seen={seen} />
        </div>
      )}
    </div>
  );
}

function facts(cdr: Cdr): Fact[] {
  const status = cdr.sip_code ? String(cdr.sip_code) : "none";
  return [
    { name: "What helps", value: cdr.cause.remedy },
    { name: "Ended by", value: who(cdr.ended_by) },
    { name: "Cause", value: cdr.cause.code, look: "code" },
    { name: "SIP status the caller got", value: status },
    { name: "Detail", value: cdr.detail },
    { name: "Dialled", value: cdr.dialed },
    { name: "Answered", value: cdr.answered_at && dateTime(cdr.answered_at) },
    { name: "Ended", value: dateTime(cdr.ended_at) },
    { name: "Call id, as in the log", value: cdr.call_id, look: "code" },
    { name: "SIP Call-ID, as in the phone's log", value: cdr.sip_call_id, look: "code" },
  ];
}
