import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type CreatedExtension, type Extension, type ExtensionPage, unwrap } from "../api/client";
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
        <ExtensionTable extensions={extensions} show={setShown} />
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

function ExtensionTable({ extensions, show }: { extensions: Extension[]; show: (shown: Shown) => void }) {
  const registered = useRegistered();
  const columns: Column<Extension>[] = [
    { head: "Number", look: "number strong", show: ({ number }) => number },
    { head: "Name", look: "name", show: ({ name }) => name || <span className="muted">—</span> },
    { head: "Phone", show: ({ number }) => <Phones count={registered?.get(number)} known={registered !== undefined} /> },
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
