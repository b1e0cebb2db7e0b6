// The states of a list without items (loading, empty, failed), and small parts that lists share.

import type { ReactNode } from "react";

import { ApiError } from "../api/client";

export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div className="card skeleton" role="status">
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, i) => (
        <div className="bar" key={i} aria-hidden="true" />
      ))}
    </div>
  );
}

export function Empty({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="card empty">
      {icon}
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Failed({ error, retry }: { error: unknown; retry: () => void }) {
  return (
    <div className="card empty" role="alert">
      <h2>This could not be loaded</h2>
      <p>{message(error)}</p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

export const message = (error: unknown) =>
  error instanceof ApiError ? sentence(error.message) : "Something went wrong.";

const sentence = (text: string) => {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
};

/** The fault of this field, if the error names the field. */
export const faultOf = (error: unknown, field: string) =>
  error instanceof ApiError && error.field === field ? sentence(error.message) : undefined;

/** The error, if it names none of these fields. */
export const faultElsewhere = (error: unknown, fields: string[]) =>
  error && !(error instanceof ApiError && error.field && fields.includes(error.field)) ? message(error) : undefined;

export type Tone = "good" | "bad" | "warn" | "busy" | "plain";

export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

/** A number, with the name of its extension. */
export function Party({ number, name }: { number: string; name?: string | undefined }) {
  if (!number) return <span className="muted">nobody</span>;
  return (
    <span className="party">
      <span className="number">{number}</span>
      {name && <span className="muted">{name}</span>}
    </span>
  );
}

export function PageHead({ title, note, children }: { title: string; note?: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-head">
      <div>
        <h1>{title}</h1>
        {note && <p className="muted">{note}</p>}
      </div>
      <div className="actions">{children}</div>
    </header>
  );
}
