import { QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, test, vi } from "vitest";

import type { Call } from "./client";
import { apply } from "./live";

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

test("after a pause everything is read again", () => {
  const invalidate = vi.spyOn(client, "invalidateQueries");
  apply(client, { name: "lagged", data: { missed: 3 } });
  expect(invalidate).toHaveBeenCalledWith();
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

test("a thousand phones that come at once have the list read twice", () => {
  vi.useFakeTimers();
  const invalidate = vi.spyOn(client, "invalidateQueries");
  for (let i = 0; i < 1000; i++) apply(client, { name: "registration.added", data: {} });
  expect(invalidate).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(10_000);
  expect(invalidate).toHaveBeenCalledTimes(2);
  apply(client, { name: "registration.removed", data: {} });
  expect(invalidate).toHaveBeenCalledTimes(3);
  vi.useRealTimers();
});
