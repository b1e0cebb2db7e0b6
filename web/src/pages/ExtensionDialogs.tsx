import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, type CreatedExtension, type Extension, type ExtensionPatch, unwrap } from "../api/client";
import { Dialog, FormDialog } from "../ui/Dialog";
import { Field, Toggle } from "../ui/Field";
import { CopyIcon } from "../ui/Icons";
import { faultElsewhere, faultOf } from "../ui/States";

/** What a password that is typed has to be; Tandem says so again where it is not. */
const PASSWORD_RULE = "at least 8 characters, not the number, not one of the commonest passwords";

type NewProps = { onClose: () => void; onCreated: (created: CreatedExtension) => void };

export function NewDialog({ onClose, onCreated }: NewProps) {
  const client = useQueryClient();
  const [number, setNumber] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const create = useMutation({
    mutationFn: () => {
      const body = { number: number.trim(), ...(name.trim() && { name: name.trim() }), ...(password && { password }) };
      return unwrap(api.POST("/api/v1/extensions", { body }));
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
        hint="What people dial, and the user name of its phone."
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
        hint={`Leave it empty, and a strong one is made; or ${PASSWORD_RULE}.`}
      />
    </FormDialog>
  );
}

type SecretProps = { title: string; number: string; password: string; onClose: () => void };

/** What to type into a phone; the password is seen here and nowhere else. */
export function SecretDialog({ title, number, password, onClose }: SecretProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="dialog-body">
        <p>Set up its phone with these. The password is shown only now.</p>
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

type PasswordProps = { extension: Extension; onClose: () => void; onReset: (password: string) => void };

/** A new password for an extension: a generated one is shown once, as with a new extension. */
export function PasswordDialog({ extension, onClose, onReset }: PasswordProps) {
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const reset = useMutation({
    mutationFn: async () => {
      const password = typed || generatePassword();
      const params = { path: { number: extension.number } };
      await unwrap(api.PATCH("/api/v1/extensions/{number}", { params, body: { password } }));
      return password;
    },
    onSuccess: (password) => {
      void client.invalidateQueries({ queryKey: ["extensions"] });
      if (typed) onClose();
      else onReset(password);
    },
  });
  return (
    <FormDialog
      title={`New password for ${extension.number}?`}
      submit="Set password"
      busy={reset.isPending}
      error={faultElsewhere(reset.error, ["password"])}
      onSubmit={() => reset.mutate()}
      onClose={onClose}
    >
      <p>Its phones cannot call or register with the present one any more.</p>
      <Field
        label="Password"
        type="password"
        autoComplete="new-password"
        maxLength={128}
        value={typed}
        onChange={setTyped}
        fault={faultOf(reset.error, "password")}
        hint={`Leave it empty, and a strong one is made and shown; or ${PASSWORD_RULE}.`}
      />
    </FormDialog>
  );
}

// As Tandem makes them: nothing in them is read as something else.
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

export function generatePassword(): string {
  let password = "";
  while (password.length < 16) {
    // Only what falls on the letters evenly counts.
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

const FORWARDS = [
  ["forward_always", "Always forward to"],
  ["forward_busy", "When busy, forward to"],
  ["forward_no_answer", "When nobody answers, forward to"],
] as const;

export function EditDialog({ extension, onClose }: { extension: Extension; onClose: () => void }) {
  const client = useQueryClient();
  const [form, setForm] = useState({
    name: extension.name,
    dnd: extension.dnd,
    voicemail: extension.voicemail,
    require_qop: extension.require_qop,
    forward_always: extension.forward_always ?? "",
    forward_busy: extension.forward_busy ?? "",
    forward_no_answer: extension.forward_no_answer ?? "",
  });
  const set = (change: Partial<typeof form>) => setForm((form) => ({ ...form, ...change }));
  const save = useMutation({
    mutationFn: () => {
      const params = { path: { number: extension.number } };
      return unwrap(api.PATCH("/api/v1/extensions/{number}", { params, body: difference(extension, form) }));
    },
    onSuccess: () => (void client.invalidateQueries({ queryKey: ["extensions"] }), onClose()),
  });
  const fields = ["name", ...FORWARDS.map(([field]) => field)];
  return (
    <FormDialog
      title={`Extension ${extension.number}`}
      submit="Save"
      busy={save.isPending}
      error={faultElsewhere(save.error, fields)}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <Field
        label="Name"
        maxLength={64}
        value={form.name}
        onChange={(name) => set({ name })}
        fault={faultOf(save.error, "name")}
      />
      <Toggle
        label="Do not disturb"
        hint="Callers hear that it is busy."
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
        />
      ))}
      <Toggle
        label="Voicemail"
        hint="Only remembered: there are no mailboxes yet."
        checked={form.voicemail}
        onChange={(voicemail) => set({ voicemail })}
      />
      <Toggle
        label="Demand qop"
        hint="Refuses phones that sign in by the older RFC 2069 only."
        checked={form.require_qop}
        onChange={(require_qop) => set({ require_qop })}
      />
    </FormDialog>
  );
}

type Form = {
  name: string;
  dnd: boolean;
  voicemail: boolean;
  require_qop: boolean;
  forward_always: string;
  forward_busy: string;
  forward_no_answer: string;
};

/** Only what was changed is sent: what somebody else changed meanwhile stays. */
export function difference(extension: Extension, form: Form): ExtensionPatch {
  const patch: ExtensionPatch = {};
  if (form.name.trim() !== extension.name) patch.name = form.name.trim();
  if (form.dnd !== extension.dnd) patch.dnd = form.dnd;
  if (form.voicemail !== extension.voicemail) patch.voicemail = form.voicemail;
  if (form.require_qop !== extension.require_qop) patch.require_qop = form.require_qop;
  for (const [field] of FORWARDS) {
    const target = form[field].trim() || null;
    if (target !== (extension[field] ?? null)) patch[field] = target;
  }
  return patch;
}
