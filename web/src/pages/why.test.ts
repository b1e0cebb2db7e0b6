import { expect, test } from "vitest";

import type { Cdr } from "../api/client";
import { who, why } from "./why";

const call = (change: Partial<Cdr>) =>
  why({ from: "101", to: "102", dialed: "102", sip_code: 0, ended_by: "callee", detail: "", ...change } as Cdr);

test("a record says in a sentence why the call ended", () => {
  const cases: [Partial<Cdr>, string][] = [
    [{ disposition: "answered", ended_by: "caller", detail: "caller: hung up" }, "The caller hung up"],
    [{ disposition: "answered", detail: "callee: hung up" }, "102 hung up"],
    [{ disposition: "answered", ended_by: "admin", detail: "ended over the API" }, "Ended by an administrator"],
    [{ disposition: "answered", ended_by: "system", detail: "callee: no audio" }, "Callee: no audio"],
    [{ disposition: "cancelled", ended_by: "caller" }, "The caller hung up before anybody answered"],
    [{ disposition: "busy", sip_code: 486, detail: "Busy Here" }, "102 was busy"],
    [{ disposition: "busy", sip_code: 486, detail: "Do Not Disturb" }, "102 does not want to be disturbed"],
    [{ disposition: "no_answer", sip_code: 480, ended_by: "system", detail: "No Answer" }, "Nobody answered in time"],
    [{ disposition: "no_answer", ended_by: "system", to: "", detail: "No Phone Registered" }, "No phone was signed in as 102"],
    [{ disposition: "no_answer", sip_code: 480, detail: "Away" }, "102 could not be reached: Away"],
    [{ disposition: "rejected", sip_code: 603, detail: "Decline" }, "102 declined the call"],
    [{ disposition: "rejected", ended_by: "script", detail: "rejected by the dialplan: 603" }, "Rejected by the dialplan: 603"],
    [{ disposition: "failed", ended_by: "system", to: "", dialed: "999", detail: "Not Found" }, "Nobody has the number 999"],
    [{ disposition: "failed", detail: "Server Error" }, "The phone of 102 failed: Server Error"],
    [{ disposition: "failed", ended_by: "system", detail: "main.rhai:2:1: oh no" }, "The dialplan failed: main.rhai:2:1: oh no"],
    [{ disposition: "failed", ended_by: "system" }, "Unknown"],
  ];
  for (const [record, sentence] of cases) expect(call(record)).toBe(sentence);
});

test("who ended it is said in words", () => {
  expect(["caller", "script", "system"].map((name) => who(name as Cdr["ended_by"]))).toEqual([
    "the caller",
    "the dialplan",
    "Tandem",
  ]);
});
