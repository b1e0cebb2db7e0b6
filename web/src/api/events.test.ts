import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { listen, type TandemEvent } from "./events";
import { session } from "./session";

beforeEach(() => session.signIn("tdm_x"));
afterEach(() => {
  vi.unstubAllGlobals();
  session.signOut();
});

const stream = (...chunks: string[]) => {
  const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk));
  return new Response(new ReadableStream({ start: (c) => (bytes.forEach((b) => c.enqueue(b)), c.close()) }));
};

test("events are read across chunks, and a stream that ends is opened again", async () => {
  const answers = [
    stream("event: hello\ndata: {}\n\n:\n\nevent: call.ended\ndata: {\"call_", "id\":\"a\"}\n\n"),
    new Response("busy", { status: 503 }),
    stream("event: lagged\ndata: {\"missed\":2}\n\n"),
  ];
  const fetch = vi.fn(async () => answers.shift() ?? new Promise<Response>(() => {}));
  vi.stubGlobal("fetch", fetch);
  const seen: TandemEvent[] = [];
  const states: string[] = [];
  const stop = listen({ onEvent: (event) => seen.push(event), onState: (state) => states.push(state), delay: () => 0 });
  await vi.waitFor(() => expect(fetch).toHaveBeenCalledTimes(4));
  stop();
  expect(seen).toEqual([
    { name: "hello", data: {} },
    { name: "call.ended", data: { call_id: "a" } },
    { name: "lagged", data: { missed: 2 } },
  ]);
  expect(states[0]).toBe("connecting");
  expect(states).toContain("open");
  expect(fetch.mock.calls[0]).toMatchObject(["/api/v1/events", { headers: { Authorization: "Bearer tdm_x" } }]);
});

test("a refused token signs out and is not tried again", async () => {
  const fetch = vi.fn(async () => new Response("", { status: 401 }));
  vi.stubGlobal("fetch", fetch);
  const stop = listen({ onEvent: () => {}, onState: () => {}, delay: () => 0 });
  await vi.waitFor(() => expect(session.token()).toBeNull());
  stop();
  expect(fetch).toHaveBeenCalledTimes(1);
});

test("a connection that falls silent, or cannot be had, is said to be lost and tried again", async () => {
  const silent = (signal: AbortSignal) =>
    new ReadableStream<Uint8Array>({
      start: (c) => {
        c.enqueue(new TextEncoder().encode("event: hello\ndata: {}\n\n"));
        signal.addEventListener("abort", () => c.error(signal.reason));
      },
    });
  const fetch = vi.fn(async (_: string, { signal }: { signal: AbortSignal }) => {
    if (fetch.mock.calls.length === 1) return new Response(silent(signal));
    if (fetch.mock.calls.length === 2) throw new TypeError("failed to fetch");
    return new Promise<Response>(() => {});
  });
  vi.stubGlobal("fetch", fetch);
  const states: string[] = [];
  const stop = listen({ onEvent: () => {}, onState: (state) => states.push(state), delay: () => 0, silence: 5 });
  await vi.waitFor(() => expect(fetch).toHaveBeenCalledTimes(3));
  stop();
  expect(states).toEqual(["connecting", "open", "connecting", "lost"]);
});
