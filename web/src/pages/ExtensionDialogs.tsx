import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type InputHTMLAttributes, type ReactNode, useState } from "react";

import {
  api,
  Attempt,
  type CreatedExtension,
  type Extension,
  type ExtensionPatch,
  isConflict,
  type System,
  unwrap,
  unwrapVersioned,
  type Versioned,
} from "../api/client";
import { Dialog, FormDialog } from "../ui/Dialog";
import { Choice, Field, Toggle } from "../ui/Field";
import { dateTime } from "../ui/format";
import { CopyIcon } from "../ui/Icons";
import { Failed, faultElsewhere, faultOf, Loading, message } from "../ui/States";
import { type Fact, Facts } from "../ui/Table";
import { difference, type Form, formOf, FORWARDS, KEYS, rebased, TEXTS } from "./extensionForm";

/** The rule for a password that a person types. Tandem checks it as well. */
const PASSWORD_RULE = "at least 8 characters, not the number, not one of the commonest passwords";

type NewProps = { onClose: () => void; onCreated: (created: CreatedExtension) => void };

export function NewDialog({ onClose, onCreated }: NewProps) {
  const client = useQueryClient();
  const [number, setNumber] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [attempt] = useState(() => new Attempt());
  const create = useMutation({
    mutationFn: () => {
      const body = { number: number.trim(), ...(name.trim() && { name: name.trim() }), ...(password && { password }) };
      return attempt.run(body, (header) => unwrap(api.POST("/api/v1/extensions", { params: { header }, body })));
    },
    onSuccess: (created) => (void client.invalidateQueries({ queryKey: ["extensions"] }), onCreated(created)),
  });
  return (
    <FormDialog
      title="New extension"
      submit="Create"
      busy={create.isPending}
      error={faultElsewhere(create.error, ["number", "name", "password"])}
      onSubmit={() => create.mutate()}
      onClose={onClose}
    >
      <Field
        label="Number"
        maxLength={32}
        value={number}
        onChange={setNumber}
        fault={faultOf(create.error, "number")}
        hint="The number that people dial, and the user name of its phone."
      />
      <Field label="Name" maxLength={64} value={name} onChange={setName} fault={faultOf(create.error, "name")} />
      <Field
        label="Password"
        type="password"
        autoComplete="new-password"
        maxLength={128}
        value={password}
        onChange={setPassword}
        fault={faultOf(create.error, "password")}
        hint={`Leave it empty to get a strong password, or type one: ${PASSWORD_RULE}.`}
      />
    </FormDialog>
  );
}

type SecretProps = { title: string; number: string; password: string; onClose: () => void };

/** The settings for a phone. Only this dialog shows the password. */
export function SecretDialog({ title, number, password, onClose }: SecretProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="dialog-body">
        <p>Type these settings into its phone. The password is shown only now.</p>
        <dl className="facts boxed">
          <div>
            <dt>User name</dt>
            <dd className="code secret">{number}</dd>
          </div>
          <div>
            <dt>Password</dt>
            <dd className="code secret" data-testid="password">
              {password}
            </dd>
          </div>
        </dl>
        <Servers />
      </div>
      <footer className="dialog-foot">
        <CopyButton text={password} />
        <button type="button" className="primary" onClick={onClose}>
          Done
        </button>
      </footer>
    </Dialog>
  );
}

/** The addresses that the phone signs in at. */
function Servers() {
  const system = useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/system", { signal })),
    staleTime: Infinity,
  });
  if (system.isPending) return <Loading rows={1} />;
  if (system.isError) return <p className="fault">The address of the server could not be read. {message(system.error)}</p>;
  const own = system.data.servers.every(({ address }) => /^(127\.|::1$)/.test(address));
  return (
    <>
      <Facts boxed facts={serverFacts(system.data)} />
      <p className="hint">
        If the phone asks for a domain or realm, leave it empty or type the server's address: {system.data.domain} is a name
        that phones can look up only where your network's name server knows it.
        {own && " Tandem listens on this machine only: other machines do not reach it."}
      </p>
    </>
  );
}

/** Server, port and transport, as the fields of phones are called. */
export function serverFacts({ servers }: System): Fact[] {
  const transports = (names: string[]) => names.map((name) => name.toUpperCase()).join(" or ");
  const [first, ...others] = servers;
  if (!first) return [];
  const also = others.map(({ address, port, transports: names }) => {
    const host = address.includes(":") ? `[${address}]` : address;
    return `${host}:${port} (${transports(names)})`;
  });
  return [
    { name: "Server", value: first.address, look: "code" },
    { name: "Port", value: first.port, look: "code" },
    { name: "Transport", value: transports(first.transports) },
    { name: "Or", value: also.join(", "), look: "code" },
  ];
}

/** Reads an extension with its version before it is changed, so that no change of another person is overwritten. */
function Current({ number, title, onClose, children }: CurrentProps) {
  const current = useQuery({
    queryKey: ["extension", number],
    queryFn: ({ signal }) =>
      unwrapVersioned(api.GET("/api/v1/extensions/{number}", { params: { path: { number } }, signal })),
    // Read again each time a dialog opens.
    gcTime: 0,
    staleTime: Infinity,
  });
  if (current.data) return children(current.data);
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="dialog-body">
        {current.isError ? <Failed error={current.error} retry={() => void current.refetch()} /> : <Loading rows={2} />}
      </div>
      <footer className="dialog-foot">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </footer>
    </Dialog>
  );
}

type CurrentProps = {
  number: string;
  title: string;
  onClose: () => void;
  children: (current: Versioned<Extension>) => ReactNode;
};

const readAgain = (client: ReturnType<typeof useQueryClient>, number: string) => {
  void client.invalidateQueries({ queryKey: ["extension", number] });
  void client.invalidateQueries({ queryKey: ["extensions"] });
};

const CHANGED = "Another person has changed this extension since you opened it.";

export function DeleteDialog({ extension, onClose }: { extension: Extension; onClose: () => void }) {
  const title = `Delete extension ${extension.number}?`;
  return (
    <Current number={extension.number} title={title} onClose={onClose}>
      {(current) => <DeleteForm current={current} title={title} onClose={onClose} />}
    </Current>
  );
}

type FormProps = { current: Versioned<Extension>; title: string; onClose: () => void };

function DeleteForm({ current: { data: extension, version }, title, onClose }: FormProps) {
  const client = useQueryClient();
  const { number, name } = extension;
  const remove = useMutation({
    mutationFn: () => {
      const params = { path: { number }, header: { "If-Match": version } };
      return unwrap(api.DELETE("/api/v1/extensions/{number}", { params }));
    },
    onError: (error) => isConflict(error) && readAgain(client, number),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["extensions"] });
      void client.invalidateQueries({ queryKey: ["registrations"] });
      onClose();
    },
  });
  const conflict = isConflict(remove.error);
  return (
    <FormDialog
      title={title}
      submit="Delete"
      danger
      busy={remove.isPending}
      error={remove.error && !conflict ? message(remove.error) : undefined}
      onSubmit={() => remove.mutate()}
      onClose={onClose}
    >
      {name && (
        <p>
          It is the extension of <b>{name}</b>.
        </p>
      )}
      <p>Its phones are signed out and its password is deleted. Its call history stays.</p>
      {conflict && (
        <p className="fault" role="alert">
          {CHANGED} Press Delete again to delete it all the same.
        </p>
      )}
    </FormDialog>
  );
}

type PasswordProps = { extension: Extension; onClose: () => void; onReset: (password: string) => void };

/** A new password for an extension: a generated one is shown once, as with a new extension. */
export function PasswordDialog({ extension, onClose, onReset }: PasswordProps) {
  const title = `New password for ${extension.number}?`;
  return (
    <Current number={extension.number} title={title} onClose={onClose}>
      {(current) => <PasswordForm current={current} title={title} onClose={onClose} onReset={onReset} />}
    </Current>
  );
}

function PasswordForm({ current, title, onClose, onReset }: FormProps & { onReset: (password: string) => void }) {
  const client = useQueryClient();
  const { number } = current.data;
  const [typed, setTyped] = useState("");
  const reset = useMutation({
    mutationFn: async () => {
      const password = typed || generatePassword();
      const params = { path: { number }, header: { "If-Match": current.version } };
      await unwrap(api.PATCH("/api/v1/extensions/{number}", { params, body: { password } }));
      return password;
    },
    onError: (error) => isConflict(error) && readAgain(client, number),
    onSuccess: (password) => {
      void client.invalidateQueries({ queryKey: ["extensions"] });
      if (typed) onClose();
      else onReset(password);
    },
  });
  return (
    <FormDialog
      title={title}
      submit="Set password"
      busy={reset.isPending}
      error={isConflict(reset.error) ? `${CHANGED} Press again to set the password all the same.` : faultElsewhere(reset.error, ["password"])}
      onSubmit={() => reset.mutate()}
      onClose={onClose}
    >
      <p>Its phones can no longer call or register with the present password.</p>
      <Field
        label="Password"
        type="password"
        autoComplete="new-password"
        maxLength={128}
        value={typed}
        onChange={setTyped}
        fault={faultOf(reset.error, "password")}
        hint={`Leave it empty to get a strong password, or type one: ${PASSWORD_RULE}.`}
      />
    </FormDialog>
  );
}

// The letters of Tandem's own passwords: no two of them look alike.
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

export function generatePassword(): string {
  let password = "";
  while (password.length < 16) {
    // Other bytes would make some letters more likely than others.
    const [byte = 255] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < 256 - (256 % LETTERS.length)) password += LETTERS[byte % LETTERS.length];
  }
  return password;
}

function CopyButton({ text }: { text: string }) {
  const [state, setState] = useState("Copy password");
  // Browsers offer the clipboard to secure origins only.
  if (!navigator.clipboard) return null;
  const copy = () => navigator.clipboard.writeText(text).then(() => setState("Copied"), () => setState("Not allowed"));
  return (
    <button type="button" onClick={() => void copy()}>
      <CopyIcon />
      <span aria-live="polite">{state}</span>
    </button>
  );
}

export function EditDialog({ extension, onClose }: { extension: Extension; onClose: () => void }) {
  const title = `Extension ${extension.number}`;
  return (
    <Current number={extension.number} title={title} onClose={onClose}>
      {(current) => <EditForm current={current} title={title} onClose={onClose} />}
    </Current>
  );
}

/** How many messages wait for a phone of the extension; nothing where none waits, or where that is not known. */
function KeptMessages({ number }: { number: string }) {
  const kept = useQuery({
    queryKey: ["extension", number, "kept-messages"],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/extensions/{number}/kept-messages", { params: { path: { number } }, signal })),
    gcTime: 0,
  });
  const { count = 0, oldest_at } = kept.data ?? {};
  if (!count || !oldest_at) return null;
  const messages = count === 1 ? "1 text message waits" : `${count} text messages wait`;
  return (
    <p className="hint">
      {messages} for its phone to register, the oldest since {dateTime(oldest_at)}.
    </p>
  );
}

type Input = Pick<InputHTMLAttributes<HTMLInputElement>, "type" | "min" | "max" | "maxLength">;

function EditForm({ current, title, onClose }: FormProps) {
  const client = useQueryClient();
  const { number } = current.data;
  const [base, setBase] = useState(current);
  const [form, setForm] = useState(formOf(current.data));
  // The changes of another person since this dialog was opened.
  const [theirs, setTheirs] = useState<ExtensionPatch>();
  const set = (change: Partial<Form>) => setForm((form) => ({ ...form, ...change }));
  if (current.version !== base.version) {
    setForm(rebased(base.data, current.data, form));
    setTheirs(difference(base.data, formOf(current.data)));
    setBase(current);
  }
  const save = useMutation({
    mutationFn: () => {
      const params = { path: { number }, header: { "If-Match": base.version } };
      return unwrap(api.PATCH("/api/v1/extensions/{number}", { params, body: difference(base.data, form) }));
    },
    onError: (error) => isConflict(error) && readAgain(client, number),
    onSuccess: () => (void client.invalidateQueries({ queryKey: ["extensions"] }), onClose()),
  });
  // A field that another person has changed shows their value beside it.
  const now = (field: Exclude<keyof Form, "remove_pin">) => {
    if (!theirs || !(field in theirs)) return undefined;
    const value = theirs[field];
    const shown = typeof value === "boolean" ? (value ? "on" : "off") : value || "nothing";
    return <span className="theirs">Another person has set this to: {shown}</span>;
  };
  const text = (field: (typeof TEXTS)[number], label: string, placeholder: string, input: Input, hint?: string) => (
    <Field
      {...input}
      label={label}
      placeholder={placeholder}
      value={form[field]}
      onChange={(value) => set({ [field]: value })}
      fault={faultOf(save.error, field)}
      hint={now(field) ?? hint}
    />
  );
  const other = isConflict(save.error) ? undefined : faultElsewhere(save.error, [...TEXTS, "pin"]);
  return (
    <FormDialog
      title={title}
      submit="Save"
      busy={save.isPending}
      error={other}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      {theirs && (
        <p className="conflict" role="alert">
          <b>{CHANGED}</b> Fields that you have not changed now have their values. Check the other fields, and save again.
        </p>
      )}
      <KeptMessages number={number} />
      <Field
        label="Name"
        maxLength={64}
        value={form.name}
        onChange={(name) => set({ name })}
        fault={faultOf(save.error, "name")}
        hint={now("name")}
      />
      <Toggle
        label="Do not disturb"
        hint={now("dnd") ?? "Callers get busy."}
        checked={form.dnd}
        onChange={(dnd) => set({ dnd })}
      />
      {FORWARDS.map(([field, label]) => (
        <Field
          key={field}
          label={label}
          maxLength={256}
          placeholder="Nowhere"
          value={form[field]}
          onChange={(value) => set({ [field]: value })}
          fault={faultOf(save.error, field)}
          hint={now(field)}
        />
      ))}
      {text("no_answer_seconds", "Not answered after (seconds)", "As long as the dialplan says", {
        type: "number",
        min: 5,
        max: 300,
      })}
      {text("call_limit", "Calls at once", "No limit", { type: "number", min: 1, max: 50 }, "Further callers find it busy.")}
      {text("pickup_group", "Pickup group", "None", { maxLength: 32 }, "Extensions with the same word may take each other's calls.")}
      <Field
        label="PIN"
        type="password"
        autoComplete="off"
        inputMode="numeric"
        maxLength={16}
        placeholder={base.data.has_pin ? "As it is" : "None"}
        value={form.pin}
        onChange={(pin) => set({ pin })}
        fault={faultOf(save.error, "pin")}
        hint="4 to 16 digits, to log on to another phone with *11."
      />
      {base.data.has_pin && (
        <Toggle
          label="Remove the PIN"
          hint="Nobody can log on with this number then."
          checked={form.remove_pin && !form.pin}
          onChange={(remove_pin) => set({ remove_pin, ...(remove_pin && { pin: "" }) })}
        />
      )}
      {text("music", "Hold music", "The common one", { maxLength: 64 })}
      <Toggle
        label="Hide number"
        hint={now("hide_number") ?? "Callees do not see who calls."}
        checked={form.hide_number}
        onChange={(hide_number) => set({ hide_number })}
      />
      <Toggle
        label="Reject hidden numbers"
        hint={now("reject_anonymous") ?? "Callers that hide their number are refused."}
        checked={form.reject_anonymous}
        onChange={(reject_anonymous) => set({ reject_anonymous })}
      />
      <Toggle
        label="Intercom"
        hint={now("intercom") ?? "Its phones may be told to answer by themselves."}
        checked={form.intercom}
        onChange={(intercom) => set({ intercom })}
      />
      <Toggle
        label="Voicemail"
        hint={now("voicemail") ?? "Only stored: there are no mailboxes yet."}
        checked={form.voicemail}
        onChange={(voicemail) => set({ voicemail })}
      />
      <Toggle
        label="Demand qop"
        hint={now("require_qop") ?? "Refuses phones that sign in by the older RFC 2069 only."}
        checked={form.require_qop}
        onChange={(require_qop) => set({ require_qop })}
      />
      <Toggle
        label="Convert codecs"
        hint={now("transcode") ?? "Where the phone and the other party share none. Otherwise such a call is refused."}
        checked={form.transcode === "auto"}
        onChange={(convert) => set({ transcode: convert ? "auto" : "off" })}
      />
      <Choice
        label="Keys (DTMF)"
        hint={now("dtmf") ?? "How its phone gets and sends keys."}
        value={form.dtmf}
        options={KEYS}
        onChange={(dtmf) => set({ dtmf })}
      />
    </FormDialog>
  );
}
