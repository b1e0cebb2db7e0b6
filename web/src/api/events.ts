// Events by Server-Sent Events. Not `EventSource`: that cannot send the token.

import { EventSourceParserStream } from "eventsource-parser/stream";

import { session } from "./session";

export type StreamState = "connecting" | "open";
export type TandemEvent = { name: string; data: unknown };

type Options = {
  onEvent: (event: TandemEvent) => void;
  onState: (state: StreamState) => void;
  /** Milliseconds to wait after this many failures in a row. */
  delay?: (failures: number) => number;
};

const backoff = (failures: number) => Math.min(1000 * 2 ** failures, 15_000);

/** Listens until the returned function is called; connects again by itself. */
export function listen({ onEvent, onState, delay = backoff }: Options): () => void {
  const stop = new AbortController();
  let failures = 0;

  const once = async () => {
    const headers = { Authorization: `Bearer ${session.token() ?? ""}`, Accept: "text/event-stream" };
    const response = await fetch("/api/v1/events", { headers, signal: stop.signal, cache: "no-store" });
    if (response.status === 401) {
      session.signOut("refused");
      stop.abort();
    }
    if (!response.ok || !response.body) throw new Error(`events: ${response.status}`);
    const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    const reader = events.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      failures = 0;
      onState("open");
      onEvent({ name: value.event ?? "message", data: parse(value.data) });
    }
  };

  const run = async () => {
    while (!stop.signal.aborted) {
      onState("connecting");
      try {
        await once();
      } catch {
        // Gone or refused: tried again below.
      }
      if (stop.signal.aborted) return;
      await pause(delay(failures++), stop.signal);
    }
  };

  void run();
  return () => stop.abort();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
