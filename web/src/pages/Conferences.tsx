import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Conference, type ConferenceMember, unwrap } from "../api/client";
import { FormDialog } from "../ui/Dialog";
import { useTitle } from "../ui/hooks";
import { RoomIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { useNotify } from "../ui/Notices";
import { Badge, Empty, message, PageHead, Party } from "../ui/States";
import { type Column, Table } from "../ui/Table";
import { Elapsed } from "../ui/Time";

type Page = { items: Conference[]; next_cursor?: string | null };
type Removal = { room: string; member: ConferenceMember };

export function ConferencesPage() {
  useTitle("Conferences");
  const [removing, setRemoving] = useState<Removal>();
  const list = useQuery({
    queryKey: ["conferences"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/conferences", { signal })),
    // Events keep the list current.
    refetchInterval: 30_000,
  });
  const conferences = list.data?.items ?? [];
  const count = conferences.length === 1 ? "1 conference in progress" : `${conferences.length} conferences in progress`;
  return (
    <>
      <PageHead title="Conferences" note={list.data && count} />
      <Listing
        query={list}
        count={conferences.length}
        empty={
          <Empty icon={<RoomIcon />} title="No conferences right now">
            <p>A conference appears here as soon as its first member is in it.</p>
          </Empty>
        }
      >
        {conferences.map((conference) => (
          <Room key={conference.room} conference={conference} onRemove={setRemoving} />
        ))}
      </Listing>
      {removing && <RemoveDialog removal={removing} onClose={() => setRemoving(undefined)} />}
    </>
  );
}

type RoomProps = { conference: Conference; onRemove: (removal: Removal) => void };

function Room({ conference: { room, since, recorded, members }, onRemove }: RoomProps) {
  return (
    <section className="room" aria-label={`Conference ${room}`}>
      <header>
        <h2>{room}</h2>
        <span className="muted">
          {members.length === 1 ? "1 member" : `${members.length} members`} · <Elapsed from={since} />
        </span>
        {recorded && <Badge tone="bad">recorded</Badge>}
      </header>
      <Table
        items={members}
        id={(member) => member.id}
        columns={[...COLUMNS, { head: "Volume", show: (member) => <Volume room={room} member={member} /> }]}
        actions={(member) => (
          <>
            <Mute room={room} member={member} />
            <button
              type="button"
              className="danger quiet"
              aria-label={`Remove ${member.number}`}
              onClick={() => onRemove({ room, member })}
            >
              Remove
            </button>
          </>
        )}
      />
    </section>
  );
}

const COLUMNS: Column<ConferenceMember>[] = [
  { head: "Member", show: ({ number, name }) => <Party number={number} name={name} /> },
  {
    head: "State",
    show: ({ muted, speaking }) => (
      <span className="row wrap">
        {muted && <Badge tone="warn">muted</Badge>}
        {speaking && <Badge tone="good">speaking</Badge>}
        {!muted && !speaking && <Badge tone="plain">listening</Badge>}
      </span>
    ),
  },
  { head: "Since", look: "right number", show: ({ since }) => <Elapsed from={since} /> },
];

/** Changes a member; `failed` is said where that was not possible. */
function useChange({ room, member: { id } }: Removal, failed: string) {
  const client = useQueryClient();
  const notify = useNotify();
  return useMutation({
    mutationFn: (body: { muted?: boolean; volume?: number }) => {
      const path = { room, id };
      return unwrap(api.PATCH("/api/v1/conferences/{room}/members/{id}", { params: { path }, body }));
    },
    onSuccess: (now) => {
      const update = (member: ConferenceMember) => (member.id === id ? now : member);
      const change = (one: Conference) => (one.room === room ? { ...one, members: one.members.map(update) } : one);
      client.setQueryData<Page>(["conferences"], (page) => page && { ...page, items: page.items.map(change) });
    },
    onError: (error) => {
      notify({ tone: "bad", text: `${failed} ${message(error)}` });
      void client.invalidateQueries({ queryKey: ["conferences"] });
    },
  });
}

/** How loud the others hear a member, in steps. */
const VOLUMES = [12, 6, 0, -6, -12, -20];

function Volume(place: Removal) {
  const { number, volume } = place.member;
  const change = useChange(place, `The volume of ${number} stays as it is.`);
  // One that was chosen over the API is shown as well.
  const steps = VOLUMES.includes(volume) ? VOLUMES : [...VOLUMES, volume].sort((a, b) => b - a);
  const text = (step: number) => (step === 0 ? "as it is" : `${step > 0 ? "+" : "\u2212"}${Math.abs(step)} dB`);
  return (
    <select
      aria-label={`Volume of ${number}`}
      value={volume}
      disabled={change.isPending}
      onChange={(event) => change.mutate({ volume: Number(event.target.value) })}
    >
      {steps.map((step) => (
        <option key={step} value={step}>
          {text(step)}
        </option>
      ))}
    </select>
  );
}

function Mute(place: Removal) {
  const { number, muted } = place.member;
  const mute = useChange(place, `${number} is not ${muted ? "heard again" : "muted"}.`);
  const action = muted ? "Unmute" : "Mute";
  return (
    <button type="button" className="quiet" aria-label={`${action} ${number}`} disabled={mute.isPending} onClick={() => mute.mutate({ muted: !muted })}>
      {action}
    </button>
  );
}

function RemoveDialog({ removal: { room, member }, onClose }: { removal: Removal; onClose: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => {
      const path = { room, id: member.id };
      return unwrap(api.DELETE("/api/v1/conferences/{room}/members/{id}", { params: { path } }));
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["conferences"] }),
    onSuccess: onClose,
  });
  return (
    <FormDialog
      title="Remove from the conference?"
      submit="Remove"
      danger
      busy={remove.isPending}
      error={remove.error ? message(remove.error) : undefined}
      onSubmit={() => remove.mutate()}
      onClose={onClose}
    >
      <p>
        <b>{member.number}</b> leaves the conference <b>{room}</b>. What comes next for this caller is up to the dialplan.
      </p>
    </FormDialog>
  );
}
