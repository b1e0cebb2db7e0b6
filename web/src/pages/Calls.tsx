import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, Attempt, type Call, type CallParty, type CallRecording, type ParkedCall, unwrap } from "../api/client";
import { reread } from "../api/live";
import { FormDialog } from "../ui/Dialog";
import { Choice, Field } from "../ui/Field";
import { dateTime } from "../ui/format";
import { useTitle } from "../ui/hooks";
import { CallsIcon, PlusIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { useNotify } from "../ui/Notices";
import { Badge, Empty, faultElsewhere, faultOf, message, PageHead, Party, type Tone } from "../ui/States";
import { type Column, type Fact, Facts, Table } from "../ui/Table";
import { Elapsed, Remaining } from "../ui/Time";
import { heard } from "./sound";

const TONES: { [state in Call["state"]]: Tone } = { routing: "plain", ringing: "busy", answered: "good" };

export function CallsPage() {
  useTitle("Calls");
  const [starting, setStarting] = useState(false);
  const [moving, setMoving] = useState<Call>();
  const [ending, setEnding] = useState<Ending>();
  const list = useQuery({
    queryKey: ["calls"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/calls", { signal })),
    // Events keep the list current. Changes of the legs of a call have no event.
    refetchInterval: (query) => (query.state.data?.items.length ? 5_000 : 30_000),
  });
  const calls = list.data?.items;
  const count = calls?.length === 1 ? "1 call in progress" : `${calls?.length} calls in progress`;
  return (
    <>
      <PageHead title="Calls" note={calls && count}>
        <button type="button" className="primary" onClick={() => setStarting(true)}>
          <PlusIcon />
          New call
        </button>
      </PageHead>
      <Listing
        query={list}
        count={calls?.length ?? 0}
        empty={
          <Empty icon={<CallsIcon />} title="No calls right now">
            <p>Calls appear here at once when a phone dials.</p>
          </Empty>
        }
      >
        <Table
          items={calls ?? []}
          id={(call) => call.id}
          columns={COLUMNS}
          details={{
            label: (call) => `Details of the call from ${call.from} to ${call.dialed}`,
            show: (call) => (
              <>
                {call.recording !== "off" && (
                  <p className="row">
                    {call.recording === "on" ? "This call is recorded." : "The recording pauses."}
                    <Record call={call} action={call.recording === "on" ? "pause" : "resume"} />
                  </p>
                )}
                <Facts facts={facts(call)} />
              </>
            ),
          }}
          actions={(call) => (
            <>
              {call.state === "answered" && <Record call={call} action={call.recording === "off" ? "start" : "stop"} />}
              {call.state === "answered" && (
                <button type="button" className="quiet" onClick={() => setMoving(call)}>
                  Transfer
                </button>
              )}
              <button type="button" className="danger quiet" onClick={() => setEnding({ id: call.id, from: call.from, to: call.to || call.dialed })}>
                Hang up
              </button>
            </>
          )}
        />
      </Listing>
      {/* One fault is enough where nothing can be read. */}
      {calls && <Parked />}
      {starting && <NewCallDialog onClose={() => setStarting(false)} />}
      {moving && <TransferDialog call={moving} onClose={() => setMoving(undefined)} />}
      {ending && <HangUpDialog call={ending} onClose={() => setEnding(undefined)} />}
    </>
  );
}

/** A call that is to be hung up: who calls, and who is called or the slot in which the caller waits. */
type Ending = { id: string; from: string; to: string };

const COLUMNS: Column<Call>[] = [
  { head: "From", show: (call) => <Party number={call.from} name={call.from_name} /> },
  { head: "To", show: ({ to, dialed }) => <Party number={to || dialed} name={to && to !== dialed ? `dialled ${dialed}` : undefined} /> },
  { head: "State", show: State },
  { head: "Time", look: "right number", show: (call) => <Elapsed from={call.answered_at ?? call.started_at} /> },
  { head: "Dialplan", look: "wide-only muted", show: (call) => call.doing },
];

/** The calls that wait in a slot. Without a parked call there is nothing to see. */
function Parked() {
  const [taking, setTaking] = useState<ParkedCall>();
  const [ending, setEnding] = useState<Ending>();
  const list = useQuery({
    queryKey: ["parked"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/parked", { signal })),
    // Events keep the list current.
    refetchInterval: 30_000,
  });
  const parked = list.data?.items ?? [];
  if (!list.error && parked.length === 0) return null;
  return (
    <section className="room" aria-label="Parked calls">
      <header>
        <h2>Parked calls</h2>
        <span className="muted">Dial the slot to take the call</span>
      </header>
      <Listing query={list} count={parked.length} empty={null}>
        <Table
          items={parked}
          id={(one) => one.call_id}
          columns={PARKED}
          actions={(one) => (
            <>
              <button type="button" className="quiet" aria-label={`Take the call at ${one.slot}`} onClick={() => setTaking(one)}>
                Take
              </button>
              <button
                type="button"
                className="danger quiet"
                aria-label={`Hang up the call at ${one.slot}`}
                onClick={() => setEnding({ id: one.call_id, from: one.number, to: one.slot })}
              >
                Hang up
              </button>
            </>
          )}
        />
      </Listing>
      {taking && <NewCallDialog parked={taking} onClose={() => setTaking(undefined)} />}
      {ending && <HangUpDialog call={ending} onClose={() => setEnding(undefined)} />}
    </section>
  );
}

const PARKED: Column<ParkedCall>[] = [
  { head: "Slot", look: "number strong", show: ({ slot }) => slot },
  { head: "Waits", show: ({ number, name }) => <Party number={number} name={name} /> },
  { head: "Parked by", show: (one) => <Party number={one.parked_by} /> },
  { head: "Time", look: "right number", show: ({ since }) => <Elapsed from={since} /> },
  { head: "Returns in", look: "right number", show: ({ returns_at }) => <Remaining until={returns_at} /> },
];

function State({ state, recording }: Call) {
  return (
    <span className="row wrap">
      <Badge tone={TONES[state]}>{state}</Badge>
      {recording === "on" && <Badge tone="bad">recorded</Badge>}
      {recording === "paused" && <Badge tone="plain">recording pauses</Badge>}
    </span>
  );
}

type Action = "start" | "stop" | "pause" | "resume";

const ACTIONS: { [action in Action]: { text: string; then: CallRecording } } = {
  start: { text: "Record", then: "on" },
  stop: { text: "Stop recording", then: "off" },
  pause: { text: "Pause recording", then: "paused" },
  resume: { text: "Resume recording", then: "on" },
};

/** A button that changes the recording of a call. */
function Record({ call, action }: { call: Call; action: Action }) {
  const client = useQueryClient();
  const notify = useNotify();
  const { text, then } = ACTIONS[action];
  const change = useMutation({
    mutationFn: () =>
      unwrap(api.POST("/api/v1/calls/{id}/recording", { params: { path: { id: call.id } }, body: { action } })),
    onSuccess: () => {
      const update = (other: Call) => (other.id === call.id ? { ...other, recording: then } : other);
      client.setQueryData<{ items: Call[] }>(["calls"], (page) => page && { ...page, items: page.items.map(update) });
      if (client.isFetching({ queryKey: ["calls"] })) void reread(client, ["calls"]);
    },
    onError: (error) => {
      notify({ tone: "bad", text: `${text} was not possible. ${message(error)}` });
      void client.invalidateQueries({ queryKey: ["calls"] });
    },
  });
  return (
    <button type="button" className="quiet" disabled={change.isPending} onClick={() => change.mutate()}>
      {text}
    </button>
  );
}

const LEGS: { [state: string]: string } = {
  trying: "not ringing yet",
  ringing: "ringing",
  early: "hears sound before the answer",
  up: "connected",
  held: "on hold",
  ending: "hanging up",
};

function facts(call: Call): Fact[] {
  const legs = call.legs.map((leg) => ({
    name: leg.inbound ? `Phone of ${leg.party}, calling` : `Phone of ${leg.party}, called`,
    value: [LEGS[leg.state] ?? leg.state, leg.codec, leg.remote].filter(Boolean).join(" · "),
  }));
  return [
    { name: "Started", value: dateTime(call.started_at) },
    { name: "Answered", value: call.answered_at && dateTime(call.answered_at) },
    ...legs,
    ...call.legs.flatMap((leg) => (leg.quality ? heard(leg.party, leg.quality) : [])),
    { name: "Call id", value: call.id, look: "code" },
  ];
}

function TransferDialog({ call, onClose }: { call: Call; onClose: () => void }) {
  const client = useQueryClient();
  const [leg, setLeg] = useState<CallParty>("caller");
  const [to, setTo] = useState("");
  const transfer = useMutation({
    mutationFn: () => {
      const body = { leg, to: to.trim() };
      return unwrap(api.POST("/api/v1/calls/{id}/transfer", { params: { path: { id: call.id } }, body }));
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["calls"] }),
    onSuccess: onClose,
  });
  const parties = [
    ["caller", `${call.from} (caller)`],
    ["callee", `${call.to || call.dialed} (callee)`],
  ] as const;
  return (
    <FormDialog
      title="Transfer"
      submit="Transfer"
      busy={transfer.isPending}
      error={faultElsewhere(transfer.error, ["to"])}
      onSubmit={() => transfer.mutate()}
      onClose={onClose}
    >
      <Choice label="Who is moved" value={leg} options={parties} onChange={setLeg} />
      <Field
        label="To"
        maxLength={32}
        value={to}
        fault={faultOf(transfer.error, "to")}
        onChange={setTo}
        placeholder="103"
        hint="This party dials the number: the dialplan decides. The other party waits until a phone answers, and is then hung up."
      />
    </FormDialog>
  );
}

function HangUpDialog({ call, onClose }: { call: Ending; onClose: () => void }) {
  const client = useQueryClient();
  const hangUp = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/calls/{id}", { params: { path: { id: call.id } } })),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ["parked"] });
      return client.invalidateQueries({ queryKey: ["calls"] });
    },
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
        The call from <b>{call.from}</b> to <b>{call.to}</b> ends for both sides.
      </p>
    </FormDialog>
  );
}

/** Begins a call. `parked`: a call that waits in a slot, which the extension takes. */
function NewCallDialog({ parked, onClose }: { parked?: ParkedCall; onClose: () => void }) {
  const client = useQueryClient();
  const [from, setFrom] = useState("");
  const [to, setTo] = useState(parked?.slot ?? "");
  const [attempt] = useState(() => new Attempt());
  const start = useMutation({
    mutationFn: () => {
      const body = { from: from.trim(), to: to.trim() };
      return attempt.run(body, (header) => unwrap(api.POST("/api/v1/calls", { params: { header }, body })));
    },
    onSuccess: () => (void client.invalidateQueries({ queryKey: ["calls"] }), onClose()),
  });
  return (
    <FormDialog
      title={parked ? `Take the call of ${parked.number}` : "New call"}
      submit={parked ? "Take" : "Call"}
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
        {...(parked && { hint: "Its phones ring. The one that is picked up has the call." })}
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
