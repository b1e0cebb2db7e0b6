import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Navigate, NavLink, useNavigate, useParams } from "react-router";

import { api, ApiError, type Fault, type Place, unwrap } from "../api/client";
import { placed } from "../api/live";
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
  // What was typed and not saved, by file: another file can be looked at meanwhile.
  const [drafts, setDrafts] = useState<Record<string, string | undefined>>({});
  useUnsaved(Object.values(drafts).some((draft) => draft !== undefined));
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
          The files as they are now were not taken: {placed(broken)}. Calls go on with what ran before.
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
              </NavLink>
            ))}
          </nav>
          {name && (
            <Sheet
              key={name}
              name={name}
              broken={broken ?? undefined}
              draft={drafts[name]}
              setDraft={(draft) => setDrafts((all) => ({ ...all, [name]: draft }))}
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
    unwrap(api.GET("/api/v1/dialplans/{name}", { params: { path: { name } }, parseAs: "text", signal })),
});

const put = (name: string, text: string) =>
  unwrap(
    api.PUT("/api/v1/dialplans/{name}", {
      params: { path: { name } },
      body: text,
      bodySerializer: (body: string) => body,
      headers: { "Content-Type": "text/plain; charset=utf-8" },
    }),
  );

// No draft until the first key: until then, what somebody else saves is shown.
type SheetProps = { name: string; broken: Fault | undefined; draft: string | undefined; setDraft: (draft: string | undefined) => void };

function Sheet({ name, ...rest }: SheetProps) {
  const saved = useQuery(textQuery(name));
  if (saved.isPending) return <Loading />;
  if (saved.isError) return <Failed error={saved.error} retry={() => void saved.refetch()} />;
  return <Editor name={name} saved={saved.data} {...rest} />;
}

function Editor({ name, saved, broken, draft, setDraft }: SheetProps & { saved: string }) {
  const client = useQueryClient();
  const area = useRef<HTMLTextAreaElement>(null);
  const [deleting, setDeleting] = useState(false);
  const text = draft ?? saved;
  const changed = text !== saved;
  const save = useMutation({
    mutationFn: () => put(name, text),
    onError: (error) => error instanceof ApiError && error.place?.file === `${name}.rhai` && go(error.place),
    onSuccess: () => {
      client.setQueryData(["dialplan", name], text);
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
  // A fault is of the text that was refused, or of the file as it is on the disk.
  const fault = place ?? (changed ? undefined : broken);
  const here = fault?.file === `${name}.rhai` ? fault : undefined;
  const line = here?.line;
  useEffect(() => {
    if (line && area.current) showLine(area.current, line);
  }, [line]);
  return (
    <section className="sheet" aria-label={`${name}.rhai`}>
      <CodeArea
        ref={area}
        label={`Text of ${name}.rhai`}
        text={text}
        faultLine={here?.line}
        onChange={(typed) => (setDraft(typed === saved ? undefined : typed), save.reset())}
        onSave={() => changed && !save.isPending && save.mutate()}
      />
      <footer className="sheet-foot">
        {save.error ? (
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
        <button type="button" className="primary" disabled={!changed || save.isPending} onClick={() => save.mutate()}>
          Save
        </button>
      </footer>
      {deleting && <DeleteDialog name={name} onClose={() => setDeleting(false)} />}
    </section>
  );
}

const hint = (changed: boolean, justSaved: boolean) => {
  if (changed) return "Not saved yet";
  return justSaved ? "Saved: in force for every new call." : "It is compiled first: with a fault nothing changes.";
};

/** Where a line and column, counted from 1, are in a text. */
export function offset(text: string, line: number, column: number): number {
  const lines = text.split("\n");
  const before = lines.slice(0, Math.max(0, line - 1)).reduce((sum, l) => sum + l.length + 1, 0);
  const length = lines[line - 1]?.length ?? 0;
  return Math.min(before + Math.min(Math.max(0, column - 1), length), text.length);
}

/** Has the browser ask before the page is left with changes in it. */
function useUnsaved(changed: boolean) {
  useEffect(() => {
    if (!changed) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [changed]);
}

function NewFileDialog({ taken, onClose }: { taken: string[]; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const name = typed.trim().replace(/\.rhai$/, "");
  const make = useMutation({
    mutationFn: () => {
      if (taken.includes(name)) throw new ApiError(409, "exists", "this file is there already", "name");
      return put(name, STUB);
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

function DeleteDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/dialplans/{name}", { params: { path: { name } } })),
    onSuccess: async () => {
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
      <p>The file is removed, if the others compile without it.</p>
    </FormDialog>
  );
}
