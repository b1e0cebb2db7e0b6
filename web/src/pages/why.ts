// Why a call ended as it did, as one says it to somebody who asks.

import type { Cdr } from "../api/client";

/** A sentence without a dot. What the record itself says in words is taken from there. */
export function why(cdr: Cdr): string {
  const callee = cdr.to || cdr.dialed;
  if (cdr.ended_by === "admin") return "Ended by an administrator";
  const byCallee = cdr.ended_by === "callee";
  switch (cdr.disposition) {
    case "answered":
      return hungUp(cdr, callee);
    case "cancelled":
      return cdr.ended_by === "caller" ? "The caller hung up before anybody answered" : said(cdr.detail);
    case "busy":
      if (cdr.detail === "Do Not Disturb") return `${callee} does not want to be disturbed`;
      return byCallee ? `${callee} was busy` : said(cdr.detail);
    case "no_answer":
      if (cdr.detail === "No Phone Registered") return `No phone was signed in as ${callee}`;
      if (cdr.detail === "No Answer") return "Nobody answered in time";
      return byCallee ? `${callee} could not be reached: ${cdr.detail}` : said(cdr.detail);
    case "rejected":
      return byCallee ? `${callee} declined the call` : said(cdr.detail);
    case "failed":
      if (cdr.detail === "Not Found") return `Nobody has the number ${cdr.dialed}`;
      return byCallee ? `The phone of ${callee} failed: ${cdr.detail}` : said(cdr.detail);
  }
}

function hungUp({ ended_by, detail }: Cdr, callee: string): string {
  const plain = /^(caller|callee): hung up$/.test(detail);
  if (plain && ended_by === "caller") return "The caller hung up";
  if (plain && ended_by === "callee") return callee ? `${callee} hung up` : "The callee hung up";
  return said(detail);
}

function said(detail: string): string {
  if (/^\S+\.rhai:/.test(detail)) return `The dialplan failed: ${detail}`;
  return detail ? detail.charAt(0).toUpperCase() + detail.slice(1) : "Unknown";
}

const WHO = {
  caller: "the caller",
  callee: "the callee",
  script: "the dialplan",
  admin: "an administrator",
  system: "Tandem",
} as const satisfies Record<Cdr["ended_by"], string>;

/** Who ended a call, in words. */
export const who = (ended_by: Cdr["ended_by"]): string => WHO[ended_by] ?? ended_by;
