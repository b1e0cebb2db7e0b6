import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type CreatedExtension, type Extension, type ExtensionPage, type Presence, unwrap } from "../api/client";
import { useTitle, useTypedFilter } from "../ui/hooks";
import { PeopleIcon, PlusIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { Search } from "../ui/Search";
import { useNotify } from "../ui/Notices";
import { Badge, Empty, message, PageHead } from "../ui/States";
import { type Column, Table } from "../ui/Table";
import { DeleteDialog, EditDialog, NewDialog, PasswordDialog, SecretDialog } from "./ExtensionDialogs";

type Shown =
  | { dialog: "new" }
  | { dialog: "created"; created: CreatedExtension }
  | { dialog: "reset"; number: string; password: string }
  | { dialog: "edit" | "password" | "delete"; extension: Extension };

export function ExtensionsPage() {
  useTitle("Extensions");
  const [typed, setTyped, q] = useTypedFilter("q");
  const [shown, setShown] = useState<Shown>();
  const notify = useNotify();
  const list = useInfiniteQuery({
    queryKey: ["extensions", q],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 500, ...(q && { q }), ...(pageParam && { cursor: pageParam }) };
      return unwrap(api.GET("/api/v1/extensions", { params: { query }, signal })) as Promise<ExtensionPage>;
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
  const close = () => setShown(undefined);
  const extensions = list.data?.pages.flatMap((page) => page.items) ?? [];
  const add = (
    <button type="button" className="primary" onClick={() => setShown({ dialog: "new" })}>
      <PlusIcon />
      New extension
    </button>
  );
  return (
    <>
      <PageHead title="Extensions" note="Numbers that people dial, and the passwords of their phones">
        <Search label="Search extensions" placeholder="Number or name" maxLength={100} value={typed} onChange={setTyped} />
        <button type="button" onClick={() => exportTable(q).catch((error) => notify({ tone: "bad", text: message(error) }))}>
          Export
        </button>
        {add}
      </PageHead>
      <Listing
        query={list}
        count={extensions.length}
        empty={
          <Empty icon={<PeopleIcon />} title={q ? "Nothing found" : "No extensions yet"}>
            {q ? <p>No number and no name contains “{q}”.</p> : <p>Make one, and its phone can sign in.</p>}
          </Empty>
        }
      >
        <ExtensionTable extensions={extensions} q={q} show={setShown} />
      </Listing>
      {shown?.dialog === "new" && (
        <NewDialog
          onClose={close}
          onCreated={(created) => (created.password ? setShown({ dialog: "created", created }) : close())}
        />
      )}
      {shown?.dialog === "created" && (
        <SecretDialog
          title={`Extension ${shown.created.number} is ready`}
          number={shown.created.number}
          password={shown.created.password ?? ""}
          onClose={close}
        />
      )}
      {shown?.dialog === "password" && (
        <PasswordDialog
          extension={shown.extension}
          onClose={close}
          onReset={(password) => setShown({ dialog: "reset", number: shown.extension.number, password })}
        />
      )}
      {shown?.dialog === "reset" && (
        <SecretDialog title={`New password of ${shown.number}`} number={shown.number} password={shown.password} onClose={close} />
      )}
      {shown?.dialog === "edit" && <EditDialog extension={shown.extension} onClose={close} />}
      {shown?.dialog === "delete" && <DeleteDialog extension={shown.extension} onClose={close} />}
    </>
  );
}

/** All extensions that were found, as a table for the import. */
async function exportTable(q: string) {
  const params = { query: { ...(q && { q }) } };
  const table = await unwrap(api.GET("/api/v1/extensions", { params, headers: { Accept: "text/csv" }, parseAs: "text" }));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table as string], { type: "text/csv" }));
  link.download = "extensions.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}

function ExtensionTable({ extensions, q, show }: { extensions: Extension[]; q: string; show: (shown: Shown) => void }) {
  const registered = useRegistered();
  const presence = usePresence(q, extensions.length);
  const columns: Column<Extension>[] = [
    { head: "Number", look: "number strong", show: ({ number }) => number },
    { head: "Name", look: "name", show: ({ name }) => name || <span className="muted">—</span> },
    {
      head: "Phone",
      show: ({ number }) => (
        <span className="row wrap">
          <Phones count={registered?.get(number)} known={registered !== undefined} />
          <Doing presence={presence?.get(number)} />
        </span>
      ),
    },
    { head: "Calls go", show: (extension) => <Routing extension={extension} /> },
  ];
  return (
    <Table
      items={extensions}
      id={(extension) => extension.number}
      columns={columns}
      actions={(extension) => (
        <span className="row">
          {(["edit", "password", "delete"] as const).map((dialog) => (
            <button
              key={dialog}
              type="button"
              className={dialog === "delete" ? "danger quiet" : "quiet"}
              aria-label={`${ACTIONS[dialog]} ${extension.number}`}
              onClick={() => show({ dialog, extension })}
            >
              {ACTIONS[dialog]}
            </button>
          ))}
        </span>
      )}
    />
  );
}

const ACTIONS = { edit: "Edit", password: "New password", delete: "Delete" };

/** The number of contacts of each extension. */
function useRegistered(): Map<string, number> | undefined {
  const { data } = useQuery({
    queryKey: ["registrations", "all"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/registrations", { signal })),
    select: (page) => {
      const counts = new Map<string, number>();
      for (const { number } of page.items) counts.set(number, (counts.get(number) ?? 0) + 1);
      return counts;
    },
  });
  return data;
}

/** What the extensions on the page do. */
function usePresence(q: string, shown: number): Map<string, Presence> | undefined {
  const { data } = useQuery({
    queryKey: ["presence", q, shown],
    queryFn: async ({ signal }) => {
      const found: Presence[] = [];
      let cursor: string | null | undefined = "";
      while (cursor !== null && cursor !== undefined && found.length < shown) {
        const query: { limit: number; q?: string; cursor?: string } = { limit: 500, ...(q && { q }), ...(cursor && { cursor }) };
        const page = await unwrap(api.GET("/api/v1/presence", { params: { query }, signal }));
        found.push(...page.items);
        cursor = page.next_cursor;
      }
      return found;
    },
    select: (items) => new Map(items.map((presence) => [presence.number, presence])),
    enabled: shown > 0,
    placeholderData: keepPreviousData,
    // What phones publish has no events.
    refetchInterval: 5_000,
  });
  return data;
}

/** What an extension does besides being there, and what its phones say about it. */
function Doing({ presence }: { presence: Presence | undefined }) {
  if (!presence) return null;
  const { state, activities, notes } = presence;
  const own = { ringing: ["ringing", "busy"], on_the_phone: ["on the phone", "on-the-phone"], dnd: ["", "busy"] }[state];
  const published = activities.filter((activity) => activity !== own?.[1]).map((activity) => activity.replaceAll("-", " "));
  const words = [...(own?.[0] ? [own[0]] : []), ...published, ...notes];
  return words.map((word, i) => (
    <Badge key={i} tone={i === 0 && own?.[0] ? "warn" : "plain"}>
      {word}
    </Badge>
  ));
}

function Phones({ count, known }: { count: number | undefined; known: boolean }) {
  if (!known) return <span className="muted">…</span>;
  if (!count) return <Badge tone="plain">offline</Badge>;
  return <Badge tone="good">{count === 1 ? "online" : `${count} phones`}</Badge>;
}

function Routing({ extension }: { extension: Extension }) {
  const { dnd, forward_always, forward_busy, forward_no_answer, forward_unreachable, voicemail } = extension;
  const rules = [
    dnd && <Badge tone="bad">do not disturb</Badge>,
    forward_always && <Badge tone="warn">to {forward_always}</Badge>,
    forward_busy && <Badge tone="plain">busy: {forward_busy}</Badge>,
    forward_no_answer && <Badge tone="plain">no answer: {forward_no_answer}</Badge>,
    forward_unreachable && <Badge tone="plain">no phone: {forward_unreachable}</Badge>,
    voicemail && <Badge tone="plain">voicemail</Badge>,
  ].filter(Boolean);
  if (rules.length === 0) return <span className="muted">to the phone</span>;
  return (
    <span className="row wrap">
      {rules.map((rule, i) => (
        <span key={i}>{rule}</span>
      ))}
    </span>
  );
}
