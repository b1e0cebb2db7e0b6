// The story of a call that has ended: which parties talked and when, the facts of its record, and the linked calls.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Cdr, type LinkKind, unwrap } from "../api/client";
import { clock, dateTime, duration } from "../ui/format";
import { ChevronIcon } from "../ui/Icons";
import { Player } from "../ui/Player";
import { Badge, message } from "../ui/States";
import { type Fact, Facts } from "../ui/Table";
import { kinds as recordingKinds, title } from "./recording";
import { heard } from "./sound";
import { began, linked, together, who, why } from "./why";

/** Parts of a call that are shorter than this, in seconds, are not shown. */
const MOMENT = 0.5;

/** The details of a record. `seen`: the calls whose records are open around this one. They are not shown again inside. */
export function Story({ cdr, seen = [] }: { cdr: Cdr; seen?: string[] }) {
  const calls = new Set(cdr.links.map((link) => link.call_id).filter((id) => !seen.includes(id)));
  return (
    <>
      <Segments cdr={cdr} />
      <Recordings call={cdr.call_id} />
      <Facts facts={facts(cdr)} />
      {[...calls].map((id) => (
        <Linked key={id} id={id} how={kinds(cdr, id)} seen={[...seen, cdr.call_id]} />
      ))}
    </>
  );
}

/** All the ways in which a record is linked to this call. */
const kinds = (cdr: Cdr, id: string) => cdr.links.filter((link) => link.call_id === id).map((link) => link.how);

function Segments({ cdr }: { cdr: Cdr }) {
  const seconds = ({ from, to }: Cdr["segments"][number]) => (Date.parse(to) - Date.parse(from)) / 1000;
  // When one party hangs up, the call mostly ends within a moment: that moment is left out.
  const shown = cdr.segments.filter((segment, i) => i === 0 || seconds(segment) >= MOMENT);
  return (
    <ol className="story" aria-label="The parties of the call">
      {shown.map((segment) => (
        <li key={segment.from + segment.why}>
          <time dateTime={segment.from}>{clock(segment.from)}</time>
          <b>{together(segment)}</b>
          <span className="muted">
            {began(segment)} · {duration(seconds(segment))}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** What was recorded of a call. */
function Recordings({ call }: { call: string }) {
  const list = useQuery({
    queryKey: ["call-recordings", call],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/recordings", { params: { query: { call_id: call, limit: 100 } }, signal })),
    staleTime: Infinity,
    retry: false,
  });
  const recordings = list.data?.items ?? [];
  if (recordings.length === 0) return null;
  return (
    <ul className="recordings" aria-label="Recordings of the call">
      {recordings.map((recording) => (
        <li key={recording.id}>
          <span>
            {recordingKinds[recording.kind]} recorded at {clock(recording.started_at)}
            {recording.seconds != null && ` · ${duration(recording.seconds)}`}
          </span>
          {recording.state === "ended" && <Player recording={recording} label={`Recording: ${title(recording)}`} />}
          {recording.state === "missing" && <Badge tone="bad">file missing</Badge>}
          {recording.state === "in_progress" && <Badge tone="busy">goes on</Badge>}
        </li>
      ))}
    </ul>
  );
}

type LinkedProps = { id: string; how: LinkKind[]; seen: string[] };

/** A button for another call, whose record opens below it. */
function Linked({ id, how, seen }: LinkedProps) {
  const [open, setOpen] = useState(false);
  const other = useQuery({
    queryKey: ["cdr", id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/cdrs/{call_id}", { params: { path: { call_id: id } }, signal })),
    enabled: open,
    // A record does not change. A record that is missing may still come: opening it again asks again.
    staleTime: Infinity,
    retry: false,
  });
  return (
    <div className="linked">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <ChevronIcon />
        {linked(how)}
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
    { name: "Technical detail", value: cdr.detail },
    { name: "Dialled", value: cdr.dialed },
    { name: "Answered", value: cdr.answered_at && dateTime(cdr.answered_at) },
    { name: "Ended", value: dateTime(cdr.ended_at) },
    ...cdr.quality.flatMap((leg) => heard(leg.party, leg.quality)),
    { name: "Call id, as in the log", value: cdr.call_id, look: "code" },
    { name: "SIP Call-ID, as in the phone's log", value: cdr.sip_call_id, look: "code" },
  ];
}
