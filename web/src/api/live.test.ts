import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { beforeEach, expect, test, vi } from "vitest";

import type { Call, Conference, Recording } from "./client";
import { ended } from "./ended";
import { apply, ownChange, reread } from "./live";
import { recorded } from "./recorded";

let client: QueryClient;
const ids = () => client.getQueryData<{ items: Call[] }>(["calls"])?.items.map((call) => `${call.id} ${call.state}`);
const call = (id: string, state: Call["state"]) => ({ id, state }) as Call;

beforeEach(() => {
  client = new QueryClient();
  client.setQueryData(["calls"], { items: [call("a", "ringing")], next_cursor: null });
});

test("calls come, change and go", () => {
  apply(client, { name: "call.started", data: call("b", "routing") });
  expect(ids()).toEqual(["a ringing", "b routing"]);
  apply(client, { name: "call.answered", data: call("a", "answered") });
  expect(ids()).toEqual(["a answered", "b routing"]);
  apply(client, { name: "call.ended", data: { call_id: "a" } });
  expect(ids()).toEqual(["b routing"]);
});

test("what the list did not hold yet is not made up", () => {
  client.removeQueries({ queryKey: ["calls"] });
  apply(client, { name: "call.ended", data: { call_id: "a" } });
  expect(ids()).toBeUndefined();
});

test("after a pause everything is read again, but a long list of calls says so", () => {
  const pages = (...items: unknown[][]) => ({ pages: items.map((page) => ({ items: page, next_cursor: null })), pageParams: [] });
  client.setQueryData(["cdrs", { q: "" }], pages([], []));
  client.setQueryData(["cdrs", { q: "1" }], pages([]));
  client.setQueryData(["extensions", ""], pages([]));
  const before = ended.count();
  apply(client, { name: "lagged", data: { missed: 3 } });
  const old = (key: unknown[]) => client.getQueryState(key)?.isInvalidated;
  expect([old(["cdrs", { q: "" }]), old(["cdrs", { q: "1" }]), old(["extensions", ""])]).toEqual([false, true, true]);
  expect(ended.count()).toBe(before + 1);
});

test("calls that end are counted, and no list is read again", () => {
  const invalidate = vi.spyOn(client, "invalidateQueries");
  const before = ended.count();
  for (let i = 0; i < 1_000; i++) apply(client, { name: "call.ended", data: { call_id: `c${i}` } });
  expect(ended.count()).toBe(before + 1_000);
  expect(invalidate).not.toHaveBeenCalled();
});

test("a reload is news, unless this page has asked for it", () => {
  const reload = () => apply(client, { name: "dialplan.reloaded", data: { generation: 2 } });
  expect(reload()).toMatchObject({ tone: "good" });
  // The reload may be heard of before the answer, and two changes may have one.
  const [first, second] = [ownChange(), ownChange()];
  expect(reload()).toBeUndefined();
  first(true);
  second(true);
  expect(reload()).toBeUndefined();
  expect(reload()).toMatchObject({ tone: "good" });
  ownChange()(false);
  expect(reload()).toMatchObject({ tone: "good" });
});

test("a dialplan fault is told with its place", () => {
  const invalidate = vi.spyOn(client, "invalidateQueries");
  const fault = { file: "main.rhai", line: 7, column: 1, detail: "unknown verb", call_id: null };
  expect(apply(client, { name: "dialplan.failed", data: fault })).toEqual({
    tone: "bad",
    text: "The dialplan was not reloaded: main.rhai, line 7: unknown verb",
  });
  // The list of the files says it from now on.
  expect(invalidate).toHaveBeenCalledWith({ queryKey: ["dialplans"] });
  const failed = { ...fault, line: 0, call_id: "a" };
  expect(apply(client, { name: "dialplan.failed", data: failed })?.text).toBe(
    "A call's dialplan failed: main.rhai: unknown verb",
  );
  expect(apply(client, { name: "something.new", data: {} })).toBeUndefined();
});

test("settings that somebody changes are read again", () => {
  const invalidate = vi.spyOn(client, "invalidateQueries");
  expect(apply(client, { name: "extension.changed", data: { number: "101" } })).toBeUndefined();
  expect(invalidate.mock.calls.map(([filter]) => filter?.queryKey)).toEqual([["extensions"], ["extension", "101"]]);
});

test("a thousand phones that come at once are in the list, and it is not read again", () => {
  const invalidate = vi.spyOn(client, "invalidateQueries");
  const phone = (number: string, id: number) => ({ id: String(id), number });
  const page = (items: unknown[], next_cursor: string | null = null) => ({ items, next_cursor });
  client.setQueryData(["registrations", "all"], page([phone("101", 9)]));
  client.setQueryData(["registrations", "pages", ""], { pages: [page([phone("101", 9)], "x"), page([phone("500", 3)], "y")], pageParams: [] });
  client.setQueryData(["registrations", "pages", "101"], { pages: [page([phone("101", 9)])], pageParams: [] });
  for (let i = 0; i < 1_000; i++) apply(client, { name: "registration.added", data: phone(String(6_000 + i), 6_000 + i) });
  apply(client, { name: "registration.added", data: phone("101", 10) });
  apply(client, { name: "registration.added", data: phone("300", 7) });
  const pages = (...key: string[]) =>
    client.getQueryData<{ pages: { items: { number: string; id: string }[] }[] }>(["registrations", ...key])?.pages;
  expect(client.getQueryData<{ items: unknown[] }>(["registrations", "all"])?.items).toHaveLength(1_003);
  const [first, second] = pages("pages", "") ?? [];
  // In order: what belongs behind the pages that were read is not among them.
  expect(first?.items.at(-1)).toEqual(phone("101", 9));
  expect(second?.items).toEqual([phone("101", 10), phone("300", 7), phone("500", 3)]);
  expect(pages("pages", "101")?.[0]?.items).toEqual([phone("101", 9), phone("101", 10)]);
  apply(client, { name: "registration.removed", data: phone("101", 9) });
  expect(pages("pages", "101")?.[0]?.items).toEqual([phone("101", 10)]);
  expect(invalidate).not.toHaveBeenCalled();
});

test("members of a conference come, change and go, and a conference is gone with its last member", () => {
  const member = (id: string, speaking = false) => ({ id, number: id, name: "", since: "2026-01-05T08:00:00Z", muted: false, speaking });
  client.setQueryData(["conferences"], { items: [], next_cursor: null });
  const rooms = () =>
    client
      .getQueryData<{ items: Conference[] }>(["conferences"])
      ?.items.map(({ room, members }) => `${room}: ${members.map(({ id, speaking }) => id + (speaking ? "!" : "")).join(" ")}`);
  const tell = (what: string, room: string, data: object) => apply(client, { name: `conference.${what}`, data: { room, member: data } });
  tell("joined", "sales", member("101"));
  tell("joined", "all", member("102"));
  tell("joined", "sales", member("103"));
  expect(rooms()).toEqual(["all: 102", "sales: 101 103"]);
  tell("changed", "sales", member("101", true));
  // The same event twice changes nothing.
  tell("joined", "sales", member("103"));
  expect(rooms()).toEqual(["all: 102", "sales: 101! 103"]);
  tell("left", "sales", member("101"));
  tell("left", "all", member("102"));
  tell("left", "gone", member("104"));
  expect(rooms()).toEqual(["sales: 103"]);
});

test("a recording that begins or ends shows in the lists, and a new one moves none of them", () => {
  const recording = (state: string, kind = "call") => ({ id: "r", call_id: "a", kind, name: "sales", state, seconds: 3, call: null });
  client.setQueryData(["conferences"], { items: [{ room: "sales", recorded: false, members: [] }], next_cursor: null });
  const parties = { from: "101", from_name: "", to: "102", dialed: "102" };
  const item = { ...recording("in_progress"), seconds: null, call: parties };
  client.setQueryData(["recordings", { q: "" }], { pages: [{ items: [item], next_cursor: null }], pageParams: [""] });
  const calls = () => client.getQueryData<{ items: Call[] }>(["calls"])?.items.map((call) => call.recording);
  const list = () => client.getQueryData<{ pages: { items: Recording[] }[] }>(["recordings", { q: "" }])?.pages[0]?.items;
  const before = recorded.count();
  apply(client, { name: "recording.started", data: { ...recording("in_progress"), id: "new" } });
  expect([calls(), list()?.length, recorded.count()]).toEqual([["on"], 1, before + 1]);
  apply(client, { name: "recording.ended", data: recording("ended") });
  expect(calls()).toEqual(["off"]);
  expect(list()).toEqual([{ ...recording("ended"), call: parties }]);
  expect(recorded.count()).toBe(before + 1);
  const rooms = () => client.getQueryData<{ items: Conference[] }>(["conferences"])?.items.map(({ recorded }) => recorded);
  apply(client, { name: "recording.started", data: recording("in_progress", "conference") });
  expect([rooms(), calls()]).toEqual([[true], ["off"]]);
  apply(client, { name: "recording.ended", data: recording("ended", "conference") });
  expect(rooms()).toEqual([false]);
});

test("a first answer that is older than a change is given up", async () => {
  const answers: ((items: string[]) => void)[] = [];
  const queryFn = ({ signal }: { signal: AbortSignal }) =>
    new Promise<string[]>((resolve) => {
      if (!signal.aborted) answers.push(resolve);
    });
  const stop = new QueryObserver(client, { queryKey: ["recordings", "101"], queryFn }).subscribe(() => {});
  await vi.waitFor(() => expect(answers.length).toBe(1));
  const read = reread(client, ["recordings"]);
  await vi.waitFor(() => expect(answers.length).toBe(2));
  answers[0]?.(["deleted"]);
  answers[1]?.([]);
  await read;
  expect(client.getQueryData(["recordings", "101"])).toEqual([]);
  stop();
});
