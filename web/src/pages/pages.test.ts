import { expect, test } from "vitest";

import type { Cdr, Extension } from "../api/client";
import { range } from "../ui/Newest";
import { changedLines, offset } from "./Dialplans";
import { generatePassword, serverFacts } from "./ExtensionDialogs";
import { difference, formOf, rebased } from "./extensionForm";
import { matches } from "./History";

const alice: Extension = {
  number: "101",
  name: "Alice",
  dnd: false,
  voicemail: true,
  require_qop: false,
  transcode: "auto",
  dtmf: "auto",
  forward_always: null,
  forward_busy: "102",
  forward_no_answer: null,
  forward_unreachable: null,
  no_answer_seconds: 20,
  call_limit: null,
  pickup_group: null,
  music: null,
  reject_anonymous: false,
  hide_number: false,
  intercom: true,
  has_pin: false,
  created_at: "2026-01-05T08:00:00Z",
  updated_at: "2026-01-05T08:00:00Z",
};
const form = formOf(alice);

test("only changed fields are sent, and an emptied field is null", () => {
  expect(difference(alice, form)).toEqual({});
  expect(difference(alice, { ...form, name: " Alice B. ", dnd: true })).toEqual({ name: "Alice B.", dnd: true });
  expect(difference(alice, { ...form, require_qop: true })).toEqual({ require_qop: true });
  expect(difference(alice, { ...form, transcode: "off" })).toEqual({ transcode: "off" });
  expect(difference(alice, { ...form, dtmf: "info" })).toEqual({ dtmf: "info" });
  expect(difference(alice, { ...form, forward_busy: " ", forward_always: "103" })).toEqual({
    forward_busy: null,
    forward_always: "103",
  });
  expect(difference(alice, { ...form, call_limit: "2", no_answer_seconds: "", pickup_group: "sales", intercom: false, pin: "2580" })).toEqual({
    pin: "2580",
    call_limit: 2,
    no_answer_seconds: null,
    pickup_group: "sales",
    intercom: false,
  });
});

test("a PIN is removed, unless a new one is typed, also after a change of another person", () => {
  const removing = { ...form, remove_pin: true };
  expect(difference({ ...alice, has_pin: true }, removing)).toEqual({ pin: null });
  expect(difference({ ...alice, has_pin: true }, { ...removing, pin: "2580" })).toEqual({ pin: "2580" });
  expect(rebased(alice, { ...alice, dnd: true }, removing)).toEqual({ ...removing, dnd: true });
});

test("a form gets the changes of another person, and keeps the typed values", () => {
  const current = { ...alice, name: "Alicia", forward_busy: null, dnd: true };
  const typed = { ...form, name: "Ally", forward_always: " 103 " };
  expect(rebased(alice, current, typed)).toEqual({
    ...form,
    name: "Ally",
    dnd: true,
    forward_always: " 103 ",
    forward_busy: "",
  });
});

test("days run from midnight to midnight in local time, and the last day is included", () => {
  const midnight = (day: string) => new Date(`${day}T00:00:00`).toISOString();
  expect(range("2026-01-05", "2026-01-05")).toEqual({ from: midnight("2026-01-05"), to: midnight("2026-01-06") });
  expect(range("", "2026-01-31")).toEqual({ to: midnight("2026-02-01") });
  expect(range("2026-01-05", "")).toEqual({ from: midnight("2026-01-05") });
  expect(range("", "nonsense")).toEqual({});
});

test("a call that ended is counted where its list would show it", () => {
  const cdr = { from: "101", from_name: "Alice", to: "5551", dialed: "*55", disposition: "busy", started_at: "2026-01-05T12:00:00Z" };
  const all = { q: "", result: "", from: "", to: "" };
  const shows = (filter: Partial<typeof all>) => matches(cdr as Cdr, { ...all, ...filter });
  expect(shows({})).toBe(true);
  expect(["aLiC", "555", "*5", "01"].every((q) => shows({ q }))).toBe(true);
  expect(shows({ q: "bob" })).toBe(false);
  expect([shows({ result: "busy" }), shows({ result: "answered" })]).toEqual([true, false]);
  expect([shows({ from: "2026-01-07" }), shows({ to: "2026-01-03" }), shows({ from: "2026-01-03", to: "2026-01-07" })]).toEqual([
    false,
    false,
    true,
  ]);
});

test("the changed lines of a text are found", () => {
  const text = "a\nb\nc\nd";
  expect(changedLines(text, "a\nB\nC\nd")).toEqual({ first: 2, last: 3 });
  expect(changedLines(text, "new\na\nb\nc\nd")).toEqual({ first: 1, last: 1 });
  expect(changedLines(text, "a\nd")).toEqual({ first: 2, last: 2 });
  expect(changedLines(text, "a\nb")).toEqual({ first: 2, last: 2 });
});

test("the address of the server is shown with the names of the fields of phones", () => {
  const server = (address: string, ...transports: string[]) => ({ address, port: 5060, transports });
  const facts = serverFacts({ version: "1", domain: "d", servers: [server("192.0.2.7", "udp", "tcp"), server("2001:db8::7", "tcp")] });
  expect(facts.map(({ name, value }) => `${name}: ${value}`)).toEqual([
    "Server: 192.0.2.7",
    "Port: 5060",
    "Transport: UDP or TCP",
    "Or: [2001:db8::7]:5060 (TCP)",
  ]);
  expect(serverFacts({ version: "1", domain: "d", servers: [] })).toEqual([]);
});

test("a fault's place is found in the text", () => {
  const text = "fn a() {\n  b(\n}";
  expect(text.slice(offset(text, 2, 3))).toBe("b(\n}");
  expect(offset(text, 1, 1)).toBe(0);
  expect(offset(text, 3, 99)).toBe(text.length);
  expect(offset(text, 99, 1)).toBe(text.length);
  expect(offset(text, 0, 0)).toBe(0);
});

test("a generated password is long, and has no letters that look alike", () => {
  const made = Array.from({ length: 200 }, generatePassword);
  for (const password of made) expect(password).toMatch(/^[a-hj-km-np-z2-9]{16}$/);
  expect(new Set(made).size).toBe(made.length);
});
