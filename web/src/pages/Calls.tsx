import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Fragment, useState } from "react";

import { api, type Call, unwrap } from "../api/client";
import { FormDialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { dateTime, duration, since } from "../ui/format";
import { useNow, useTitle } from "../ui/hooks";
import { CallsIcon, ChevronIcon, PlusIcon } from "../ui/Icons";
import { Badge, Empty, Failed, faultElsewhere, faultOf, Loading, message, PageHead, Party, type Tone } from "../ui/States";

const TONES: Record<Call["state"], Tone> = { routing: "plain", ringing: "busy", answered: "good" };

export function CallsPage() {
  useTitle("Calls");
  const [starting, setStarting] = useState(false);
  const calls = useQuery({
    queryKey: ["calls"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/calls", { signal })),
    // Events keep the list current; how the legs of a call change is no event.
    refetchInterval: (query) => (query.state.data?.items.length ? 5_000 : 30_000),
  });
  const count = calls.data?.items.length ?? 0;
  const start = (
    <button type="button" className="primary" onClick={() => setStarting(true)}>
      <PlusIcon />
      New call
    </button>
  );
  return (
    <>
      <PageHead title="Calls" note={count === 1 ? "1 call in progress" : `${count} calls in progress`}>
        {start}
      </PageHead>
      {calls.isPending ? (
        <Loading />
      ) : calls.isError ? (
        <Failed error={calls.error} retry={() => void calls.refetch()} />
      ) : count === 0 ? (
        <Empty icon={<CallsIcon />} title="No calls right now">
          <p>A call shows up here the moment somebody dials.</p>
        </Empty>
      ) : (
        <CallTable calls={calls.data.items} />
      )}
      {starting && <NewCallDialog onClose={() => setStarting(false)} />}
    </>
  );
}

function CallTable({ calls }: { calls: Call[] }) {
  const now = useNow();
  const [open, setOpen] = useState<string>();
  const [ending, setEnding] = useState<Call>();
  return (
    <div className="card table">
      <table>
        <thead>
          <tr>
            <th className="narrow">
              <span className="sr-only">Details</span>
            </th>
            <th>From</th>
            <th>To</th>
            <th>State</th>
            <th className="right">Time</th>
            <th className="wide-only">Dialplan</th>
            <th className="narrow">
              <span className="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call) => (
            <Fragment key={call.id}>
              <tr>
                <td className="narrow">
                  <button
                    type="button"
                    className="quiet square expand"
                    aria-expanded={open === call.id}
                    aria-label={`Details of the call from ${call.from} to ${call.dialed}`}
                    onClick={() => setOpen(open === call.id ? undefined : call.id)}
                  >
                    <ChevronIcon />
                  </button>
                </td>
                <td>
                  <Party number={call.from} name={call.from_name} />
                </td>
                <td>
                  <Party number={call.to || call.dialed} name={call.to && call.to !== call.dialed ? `dialled ${call.dialed}` : undefined} />
                </td>
                <td>
                  <Badge tone={TONES[call.state]}>{call.state}</Badge>
                </td>
                <td className="right number">{duration(since(call.answered_at ?? call.started_at, now))}</td>
                <td className="wide-only muted">{call.doing}</td>
                <td className="narrow">
                  <button type="button" className="danger quiet" onClick={() => setEnding(call)}>
                    Hang up
                  </button>
                </td>
              </tr>
              {open === call.id && (
                <tr className="detail">
                  <td colSpan={7}>
                    <Legs call={call} />
                    <p className="small-only">
                      <button type="button" className="danger" onClick={() => setEnding(call)}>
                        Hang up
                      </button>
                    </p>
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
      {ending && <HangUpDialog call={ending} onClose={() => setEnding(undefined)} />}
    </div>
  );
}

function Legs({ call }: { call: Call }) {
  return (
    <dl className="facts">
      <div>
        <dt>Started</dt>
        <dd>{dateTime(call.started_at)}</dd>
      </div>
      {call.answered_at && (
        <div>
          <dt>Answered</dt>
          <dd>{dateTime(call.answered_at)}</dd>
        </div>
      )}
      {call.legs.map((leg, i) => (
        <div key={i}>
          <dt>{leg.inbound ? "Leg in" : "Leg out"}</dt>
          <dd>
            {leg.party} · {leg.state} · <span className="number">{leg.remote}</span>
            {leg.codec && ` · ${leg.codec}`}
          </dd>
        </div>
      ))}
      <div>
        <dt>Call id</dt>
        <dd className="code">{call.id}</dd>
      </div>
    </dl>
  );
}

function HangUpDialog({ call, onClose }: { call: Call; onClose: () => void }) {
  const client = useQueryClient();
  const hangUp = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/calls/{id}", { params: { path: { id: call.id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["calls"] }),
    onSuccess: onClose,
  });
  return (
    <FormDialog
      title="Hang up?"
      submit="Hang up"
      danger
      busy={hangUp.isPending}
      error={hangUp.error ? message(hangUp.error) : undefined}
      onSubmit={() => hangUp.mutate()}
      onClose={onClose}
    >
      <p>
        The call from <b>{call.from}</b> to <b>{call.to || call.dialed}</b> ends for both sides.
      </p>
    </FormDialog>
  );
}

function NewCallDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const start = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/calls", { body: { from: from.trim(), to: to.trim() } })),
    onSuccess: () => (void client.invalidateQueries({ queryKey: ["calls"] }), onClose()),
  });
  return (
    <FormDialog
      title="New call"
      submit="Call"
      busy={start.isPending}
      error={faultElsewhere(start.error, ["from", "to"])}
      onSubmit={() => start.mutate()}
      onClose={onClose}
    >
      <Field
        label="Extension to ring first"
        value={from}
        fault={faultOf(start.error, "from")}
        onChange={setFrom}
        placeholder="101"
      />
      <Field
        label="Then dial"
        value={to}
        fault={faultOf(start.error, "to")}
        onChange={setTo}
        placeholder="102"
        hint="As if the extension had dialled it: the dialplan decides."
      />
    </FormDialog>
  );
}
