import { type FormEvent, useState } from "react";

import { toApiError } from "../api/client";
import { session } from "../api/session";
import { Field } from "../ui/Field";
import { useTitle } from "../ui/hooks";
import { message } from "../ui/States";

export function SignIn() {
  useTitle("Sign in");
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState(session.refused() ? "This token is no longer accepted. Sign in again." : undefined);

  const signIn = async (event: FormEvent) => {
    event.preventDefault();
    const pasted = token.trim();
    if (!pasted || busy) return;
    setBusy(true);
    const refusal = await check(pasted);
    setBusy(false);
    if (refusal) setFault(refusal);
    else session.signIn(pasted);
  };

  return (
    <main className="sign-in">
      <form className="card" onSubmit={signIn} noValidate>
        <div className="brand">
          <img src="/icon.svg" alt="" width="36" height="36" />
          <h1>Tandem</h1>
        </div>
        <Field
          label="Admin token"
          type="password"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          value={token}
          fault={fault}
          hint="Tandem printed the token on its first start. If TANDEM_ADMIN_TOKEN was set, it is that token. This tab keeps it until you close the tab."
          onChange={(value) => (setToken(value), setFault(undefined))}
        />
        <button type="submit" className="primary wide" disabled={busy || !token.trim()}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}

/** The fault of a token; `undefined` if the API accepts it. */
async function check(token: string): Promise<string | undefined> {
  try {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch("/api/v1/extensions?limit=1", { headers, cache: "no-store" });
    if (response.ok) return undefined;
    if (response.status === 401) return "This token is not known.";
    return message(toApiError(response.status, await response.json().catch(() => undefined)));
  } catch {
    // A header cannot hold every character; such a token was never given out.
    return /^[\x21-\x7e]+$/.test(token) ? "Tandem cannot be reached." : "This token is not known.";
  }
}
