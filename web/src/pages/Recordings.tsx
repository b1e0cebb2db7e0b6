import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { api, type Recording, type RecordingKind, unwrap } from "../api/client";
import { reread } from "../api/live";
import { recorded, useRecorded } from "../api/recorded";
import { FormDialog } from "../ui/Dialog";
import { dateTime, duration, size } from "../ui/format";
import { useFilter, useTitle, useTypedFilter } from "../ui/hooks";
import { CloseIcon, DownloadIcon, MicrophoneIcon, PlayIcon, TrashIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { Days, News, range, useNewest } from "../ui/Newest";
import { useNotify } from "../ui/Notices";
import { download, Player } from "../ui/Player";
import { Search } from "../ui/Search";
import { Badge, Empty, message, PageHead, Party } from "../ui/States";
import { type Column, type Fact, Facts, Table } from "../ui/Table";
import { Elapsed } from "../ui/Time";
import { ends, kinds, title } from "./recording";

export function RecordingsPage() {
  useTitle("Recordings");
  const [typed, setTyped, q] = useTypedFilter("q");
  const [kind, setKind] = useFilter("kind");
  const [from, setFrom] = useFilter("from");
  const [to, setTo] = useFilter("to");
  const [playing, setPlaying] = useState<Recording>();
  const [deleting, setDeleting] = useState<Recording>();
  const filter = { q, kind: kind in kinds ? kind : "", from, to };
  const {
    list,
    first,
    items: recordings,
    showNew,
  } = useNewest(["recordings", filter], async (cursor, signal) => {
    const seen = recorded.count();
    const query = {
      limit: 100,
      ...(filter.q && { q: filter.q }),
      ...(filter.kind && { kind: filter.kind as RecordingKind }),
      ...range(from, to),
      ...(cursor && { cursor }),
    };
    return { ...(await unwrap(api.GET("/api/v1/recordings", { params: { query }, signal }))), seen };
  });
  const news = useRecorded() > (first?.seen ?? Infinity);
  const narrowed = Object.values(filter).some(Boolean);
  return (
    <>
      <PageHead title="Recordings" note="What was recorded, newest first">
        <Search label="Search recordings" placeholder="Number or name" maxLength={100} value={typed} onChange={setTyped} />
        <Days from={from} to={to} setFrom={setFrom} setTo={setTo} />
        <label>
          <span className="sr-only">Kind</span>
          <select value={filter.kind} onChange={(event) => setKind(event.target.value)}>
            <option value="">All kinds</option>
            {Object.entries(kinds).map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
      </PageHead>
      <News text={news && "Show new recordings"} onClick={showNew} />
      <Listing
        query={list}
        count={recordings.length}
        more={q ? "Search older recordings" : undefined}
        empty={
          <Empty icon={<MicrophoneIcon />} title={narrowed ? "Nothing found" : "No recordings yet"}>
            <p>
              {!narrowed && "A dialplan records calls, and so does Record on the page of calls."}
              {narrowed &&
                (list.hasNextPage ? "No such recording among the latest recordings." : "No recording fits this filter.")}
            </p>
          </Empty>
        }
      >
        <Table
          items={recordings}
          id={(recording) => recording.id}
          columns={COLUMNS}
          details={{
            label: (recording) => `Details of the recording: ${title(recording)}`,
            show: (recording) => <Facts facts={facts(recording)} />,
          }}
          actions={(recording) => (
            <Actions recording={recording} onPlay={() => setPlaying(recording)} onDelete={() => setDeleting(recording)} />
          )}
        />
      </Listing>
      {playing && (
        <section className="playing card" aria-label="Player">
          <p>
            <b>{title(playing)}</b> <span className="muted">{dateTime(playing.started_at)}</span>
          </p>
          <Player key={playing.id} recording={playing} label={`Recording: ${title(playing)}`} autoPlay />
          <button type="button" className="quiet square" aria-label="Close the player" onClick={() => setPlaying(undefined)}>
            <CloseIcon />
          </button>
        </section>
      )}
      {deleting && (
        <DeleteDialog
          recording={deleting}
          onClose={() => setDeleting(undefined)}
          onDeleted={() => deleting.id === playing?.id && setPlaying(undefined)}
        />
      )}
    </>
  );
}

type ActionsProps = { recording: Recording; onPlay: () => void; onDelete: () => void };

function Actions({ recording, onPlay, onDelete }: ActionsProps) {
  const notify = useNotify();
  const save = useMutation({
    mutationFn: () => download(recording.id),
    onError: (error) => notify({ tone: "bad", text: `The recording was not saved. ${message(error)}` }),
  });
  const there = recording.state === "ended";
  const button = (name: string, look: string, icon: ReactNode, enabled: boolean, onClick: () => void) => (
    <button
      type="button"
      className={`quiet square ${look}`}
      title={name}
      aria-label={`${name}: ${title(recording)}`}
      disabled={!enabled}
      onClick={onClick}
    >
      {icon}
    </button>
  );
  return (
    <>
      {button("Play", "", <PlayIcon />, there, onPlay)}
      {button("Download", "", <DownloadIcon />, there && !save.isPending, () => save.mutate())}
      {button("Delete", "danger", <TrashIcon />, recording.state !== "in_progress", onDelete)}
    </>
  );
}

const COLUMNS: Column<Recording>[] = [
  { head: "Time", look: "nowrap", show: ({ started_at }) => dateTime(started_at) },
  { head: "From", show: ({ call }) => <Party number={call?.from ?? ""} name={call?.from_name} /> },
  { head: "To", show: To },
  { head: "Length", look: "right number", show: Length },
  { head: "Size", look: "right number nowrap", show: ({ bytes }) => (bytes == null ? "—" : size(bytes)) },
];

function To({ kind, name, call }: Recording) {
  if (kind === "conference") return <Party number={name} name="conference" />;
  if (kind === "caller") return <Party number={name} name="message" />;
  return <Party number={call?.to || call?.dialed || ""} />;
}

function Length({ state, seconds, started_at, end }: Recording) {
  if (state === "in_progress") {
    return (
      <Badge tone="busy">
        recording <Elapsed from={started_at} />
      </Badge>
    );
  }
  return (
    <>
      {state === "missing" && <Badge tone="bad">file missing</Badge>}
      {state === "ended" && end === "failed" && <Badge tone="warn">cut short</Badge>} {seconds == null ? "—" : duration(seconds)}
    </>
  );
}

function facts(recording: Recording): Fact[] {
  return [
    { name: "Name", value: recording.name },
    { name: "Ended", value: recording.end && ends[recording.end] },
    { name: "Fault", value: recording.fault },
    { name: "Format", value: `${recording.format === "wav" ? "WAV" : "Opus"}, ${recording.channels === 2 ? "stereo: the caller is left" : "mono"}` },
    { name: "Call id, as in the log", value: recording.call_id, look: "code" },
    { name: "Recording id", value: recording.id, look: "code" },
  ];
}

type DeleteProps = { recording: Recording; onClose: () => void; onDeleted: () => void };

function DeleteDialog({ recording, onClose, onDeleted }: DeleteProps) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/recordings/{id}", { params: { path: { id: recording.id } } })),
    onSuccess: () => {
      onDeleted();
      onClose();
    },
    // Also where it was gone already.
    onSettled: () => reread(client, ["recordings"]),
  });
  return (
    <FormDialog
      title="Delete recording?"
      submit="Delete"
      danger
      busy={remove.isPending}
      error={remove.error ? message(remove.error) : undefined}
      onSubmit={() => remove.mutate()}
      onClose={onClose}
    >
      <p>
        The recording <b>{title(recording)}</b> of {dateTime(recording.started_at)} and its file are removed. This cannot be
        undone.
      </p>
    </FormDialog>
  );
}
