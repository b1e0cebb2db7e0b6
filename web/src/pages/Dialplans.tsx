import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Navigate, NavLink, useNavigate, useParams } from "react-router";

import { api, ApiError, type Fault, isConflict, type Place, unwrap, unwrapVersioned, type Versioned } from "../api/client";
import { type Draft, drafts, useDrafts } from "../api/drafts";
import { ownChange, placed } from "../api/live";
import { CodeArea, showLine } from "../ui/CodeArea";
import { FormDialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { dateTime } from "../ui/format";
import { useTitle } from "../ui/hooks";
import { PlusIcon, RouteIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { Empty, Failed, faultElsewhere, faultOf, Loading, message, PageHead } from "../ui/States";

const STUB = "// Called by main.rhai.\n";

export function DialplansPage() {
  useTitle("Dialplan");
  const { name } = useParams();
  const [adding, setAdding] = useState(false);
  const unsaved = useDrafts();
  const list = useQuery({
    queryKey: ["dialplans"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/dialplans", { signal })),
  });
  const broken = list.data?.fault;
  const files = list.data?.items ?? [];
  const first = files.find((file) => file.name === "main") ?? files[0];
  if (!name && first) return <Navigate to={`/dialplans/${first.name}`} replace />;
  return (
    <>
      <PageHead title="Dialplan" note="The scripts that decide where calls go">
        <button type="button" onClick={() => setAdding(true)}>
          <PlusIcon />
          New file
        </button>
      </PageHead>
      {broken && (
        <p className="banner" role="alert">
          The files have a fault: {placed(broken)}. Calls use the last scripts without a fault.
        </p>
      )}
      <Listing
        query={list}
        count={files.length}
        empty={
          <Empty icon={<RouteIcon />} title="No dialplan yet">
            <p>A file named main decides where calls go.</p>
          </Empty>
        }
      >
        <div className="card editor">
          <nav className="files" aria-label="Files">
            {files.map((file) => (
              <NavLink key={file.name} to={`/dialplans/${file.name}`} title={file.modified_at ? `Changed ${dateTime(file.modified_at)}` : undefined}>
                {file.name}.rhai
                {unsaved[file.name] && (
                  <span className="unsaved" title="Not saved yet">
                    <span className="sr-only">, not saved yet</span>
                  </span>
                )}
              </NavLink>
            ))}
          </nav>
          {name && (
            <Sheet
              key={name}
              name={name}
              broken={broken ?? undefined}
              draft={unsaved[name]}
              setDraft={(draft) => drafts.set(name, draft)}
            />
          )}
        </div>
      </Listing>
      {adding && <NewFileDialog taken={files.map((file) => file.name)} onClose={() => setAdding(false)} />}
    </>
  );
}

const textQuery = (name: string) => ({
  queryKey: ["dialplan", name],
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    unwrapVersioned(api.GET("/api/v1/dialplans/{name}", { params: { path: { name } }, parseAs: "text", signal })),
});

/** Saves a text over the version it was made from. Without a version it makes a new file. */
const put = (name: string, text: string, version?: string) =>
  asOwn(() =>
    unwrapVersioned(
      api.PUT("/api/v1/dialplans/{name}", {
        params: { path: { name }, header: version ? { "If-Match": version } : { "If-None-Match": "*" } },
        body: text,
        bodySerializer: (body: string) => body,
        headers: { "Content-Type": "text/plain; charset=utf-8" },
      }),
    ),
  );

async function asOwn<T>(change: () => Promise<T>): Promise<T> {
  const ends = ownChange();
  try {
    const changed = await change();
    ends(true);
    return changed;
  } catch (error) {
    ends(false);
    throw error;
  }
}

// There is no draft before the first key. Until then the page shows each version that another person saves.
type SheetProps = { name: string; broken: Fault | undefined; draft: Draft | undefined; setDraft: (draft: Draft | undefined) => void };

function Sheet({ name, ...rest }: SheetProps) {
  const saved = useQuery(textQuery(name));
  if (saved.isPending) return <Loading />;
  if (saved.isError) return <Failed error={saved.error} retry={() => void saved.refetch()} />;
  return <Editor name={name} saved={saved.data} {...rest} />;
}

function Editor({ name, saved, broken, draft, setDraft }: SheetProps & { saved: Versioned<string> }) {
  const client = useQueryClient();
  const area = useRef<HTMLTextAreaElement>(null);
  const [deleting, setDeleting] = useState(false);
  const text = draft?.text ?? saved.data;
  const changed = text !== saved.data;
  // Another person has saved a new version since this draft was begun.
  const conflict = changed && draft !== undefined && draft.version !== saved.version;
  const type = (typed: string) => {
    const { base, version } = draft ?? { base: saved.data, version: saved.version };
    setDraft(typed === saved.data ? undefined : { text: typed, base, version });
    save.reset();
  };
  const save = useMutation({
    mutationFn: () => put(name, text, draft?.version ?? saved.version),
    onError: (error) => {
      if (isConflict(error)) void client.invalidateQueries({ queryKey: ["dialplan", name] });
      if (error instanceof ApiError && error.place?.file === `${name}.rhai`) go(error.place);
    },
    onSuccess: ({ version }) => {
      client.setQueryData(["dialplan", name], { data: text, version });
      void client.invalidateQueries({ queryKey: ["dialplans"] });
      setDraft(undefined);
    },
  });
  const go = ({ line, column }: Place) => {
    if (!area.current || line < 1) return;
    const at = offset(text, line, column);
    area.current.focus();
    area.current.setSelectionRange(at, at);
    showLine(area.current, line);
  };
  const place = save.error instanceof ApiError ? save.error.place : undefined;
  // The fault of the refused text, or of the file on the disk.
  const fault = place ?? (changed ? undefined : broken);
  const here = fault?.file === `${name}.rhai` ? fault : undefined;
  const line = here?.line;
  useEffect(() => {
    if (line && area.current) showLine(area.current, line);
  }, [line]);
  // Both people typed the same text.
  useEffect(() => {
    if (draft && draft.text === saved.data) setDraft(undefined);
  });
  const savable = changed && !conflict && !save.isPending;
  return (
    <section className="sheet" aria-label={`${name}.rhai`}>
      {conflict && (
        <Conflict
          name={name}
          theirs={saved.data}
          base={draft.base}
          takeTheirs={() => (setDraft(undefined), save.reset())}
          keepMine={() => (setDraft({ text, base: saved.data, version: saved.version }), save.reset())}
        />
      )}
      <CodeArea
        ref={area}
        label={`Text of ${name}.rhai`}
        text={text}
        faultLine={here?.line}
        onChange={type}
        onSave={() => savable && save.mutate()}
      />
      <footer className="sheet-foot">
        {save.error && !isConflict(save.error) ? (
          <p className="fault" role="alert">
            {place && place.line > 0 ? (
              <>
                {here ? (
                  <button type="button" onClick={() => go(here)}>
                    Line {place.line}
                  </button>
                ) : (
                  <NavLink to={`/dialplans/${place.file.replace(/\.rhai$/, "")}`}>
                    {place.file} line {place.line}
                  </NavLink>
                )}
                {message(save.error)}
              </>
            ) : (
              message(save.error)
            )}
          </p>
        ) : (
          <p className="hint" role="status">
            {hint(changed, save.isSuccess)}
          </p>
        )}
        {name !== "main" && (
          <button type="button" className="danger quiet" onClick={() => setDeleting(true)}>
            Delete
          </button>
        )}
        <button type="button" disabled={!changed} onClick={() => (setDraft(undefined), save.reset())}>
          Undo changes
        </button>
        <button type="button" className="primary" disabled={!savable} onClick={() => save.mutate()}>
          Save
        </button>
      </footer>
      {deleting && <DeleteDialog name={name} version={saved.version} onClose={() => setDeleting(false)} />}
    </section>
  );
}

type ConflictProps = { name: string; theirs: string; base: string; takeTheirs: () => void; keepMine: () => void };

/** The version that another person has saved, and the choice between the two texts. */
function Conflict({ name, theirs, base, takeTheirs, keepMine }: ConflictProps) {
  const rows = useRef<HTMLTextAreaElement>(null);
  const changed = changedLines(base, theirs);
  useEffect(() => {
    if (rows.current) showLine(rows.current, changed.first);
  }, [changed.first]);
  return (
    <div className="conflict" role="alert">
      <p>
        <b>Another person has saved this file since you opened it.</b> This is their version; the changes are marked. Yours is
        below. Nothing is lost until you choose.
      </p>
      <CodeArea
        ref={rows}
        label={`Their version of ${name}.rhai`}
        text={theirs}
        readOnly
        marked={changed}
        onChange={() => {}}
        onSave={() => {}}
      />
      <div className="actions">
        <button type="button" onClick={takeTheirs}>
          Take theirs
        </button>
        <button type="button" onClick={keepMine}>
          Go on with mine
        </button>
      </div>
    </div>
  );
}

/** The changed lines of a text, counted from 1: from the first line that differs to the last. */
export function changedLines(before: string, after: string): { first: number; last: number } {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const most = Math.min(old.length, now.length);
  let head = 0;
  while (head < most && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < most - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  // If lines were only removed: the line behind them.
  return { first: Math.min(head + 1, now.length), last: Math.max(Math.min(head + 1, now.length), now.length - tail) };
}

const hint = (changed: boolean, justSaved: boolean) => {
  if (changed) return "Not saved yet";
  return justSaved ? "Saved: in force for every new call." : "Saving compiles the file first. With a fault nothing changes.";
};

/** The offset of a line and column, counted from 1, in a text. */
export function offset(text: string, line: number, column: number): number {
  const lines = text.split("\n");
  const before = lines.slice(0, Math.max(0, line - 1)).reduce((sum, l) => sum + l.length + 1, 0);
  const length = lines[line - 1]?.length ?? 0;
  return Math.min(before + Math.min(Math.max(0, column - 1), length), text.length);
}

function NewFileDialog({ taken, onClose }: { taken: string[]; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const name = typed.trim().replace(/\.rhai$/, "");
  const make = useMutation({
    mutationFn: async () => {
      const exists = new ApiError(409, "exists", "this file is there already", "name");
      if (taken.includes(name)) throw exists;
      return put(name, STUB).catch((error: unknown) => {
        throw isConflict(error) ? exists : error;
      });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["dialplans"] });
      onClose();
      await navigate(`/dialplans/${name}`);
    },
  });
  return (
    <FormDialog
      title="New file"
      submit="Create"
      busy={make.isPending}
      error={faultElsewhere(make.error, ["name"])}
      onSubmit={() => make.mutate()}
      onClose={onClose}
    >
      <Field
        label="Name"
        maxLength={69}
        value={typed}
        onChange={setTyped}
        fault={faultOf(make.error, "name")}
        hint={name ? `import "${name}" as ${name.replaceAll("-", "_")};` : "Letters, digits, _ and -"}
      />
    </FormDialog>
  );
}

function DeleteDialog({ name, version, onClose }: { name: string; version: string; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => {
      const params = { path: { name }, header: { "If-Match": version } };
      return asOwn(() => unwrap(api.DELETE("/api/v1/dialplans/{name}", { params })));
    },
    onError: (error) => isConflict(error) && client.invalidateQueries({ queryKey: ["dialplan", name] }),
    onSuccess: async () => {
      drafts.set(name, undefined);
      onClose();
      await navigate("/dialplans");
      client.removeQueries({ queryKey: ["dialplan", name] });
      await client.invalidateQueries({ queryKey: ["dialplans"] });
    },
  });
  return (
    <FormDialog
      title={`Delete ${name}.rhai?`}
      submit="Delete"
      danger
      busy={remove.isPending}
      error={remove.error ? message(remove.error) : undefined}
      onSubmit={() => remove.mutate()}
      onClose={onClose}
    >
      <p>The file is removed if the other files compile without it.</p>
    </FormDialog>
  );
}
