import { expect, test } from "vitest";

import type { Extension } from "../api/client";
import { offset } from "./Dialplans";
import { difference, generatePassword } from "./ExtensionDialogs";
import { dayRange } from "./History";

const alice: Extension = {
  number: "101",
  name: "Alice",
  dnd: false,
  voicemail: true,
  require_qop: false,
  forward_always: null,
  forward_busy: "102",
  forward_no_answer: null,
  created_at: "2026-01-05T08:00:00Z",
  updated_at: "2026-01-05T08:00:00Z",
};
const form = { ...alice, forward_always: "", forward_busy: "102", forward_no_answer: "" };

test("only what was changed is sent, and an emptied field is null", () => {
  expect(difference(alice, form)).toEqual({});
  expect(difference(alice, { ...form, name: " Alice B. ", dnd: true })).toEqual({ name: "Alice B.", dnd: true });
  expect(difference(alice, { ...form, require_qop: true })).toEqual({ require_qop: true });
  expect(difference(alice, { ...form, forward_busy: " ", forward_always: "103" })).toEqual({
    forward_busy: null,
    forward_always: "103",
  });
});

test("a day runs from midnight to midnight where the person is", () => {
  const { from, to } = dayRange("2026-01-05");
  expect(new Date(from ?? "").getTime()).toBe(new Date("2026-01-05T00:00:00").getTime());
  expect(Date.parse(to ?? "") - Date.parse(from ?? "")).toBe(24 * 3600 * 1000);
  expect(dayRange("")).toEqual({});
});

test("a fault's place is found in the text", () => {
  const text = "fn a() {\n  b(\n}";
  expect(text.slice(offset(text, 2, 3))).toBe("b(\n}");
  expect(offset(text, 1, 1)).toBe(0);
  expect(offset(text, 3, 99)).toBe(text.length);
  expect(offset(text, 99, 1)).toBe(text.length);
  expect(offset(text, 0, 0)).toBe(0);
});

test("a generated password is long, and nothing in it is read as something else", () => {
  const made = Array.from({ length: 200 }, generatePassword);
  for (const password of made) expect(password).toMatch(/^[a-hj-km-np-z2-9]{16}$/);
  expect(new Set(made).size).toBe(made.length);
});
