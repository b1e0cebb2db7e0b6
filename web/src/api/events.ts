// Events by Server-Sent Events. Not `EventSource`: that cannot send the token.

import { EventSourceParserStream } from "eventsource-parser/stream";

import { session } from "./session";

/** `lost`: Tandem did not answer; the page tries again. */
export type StreamState = "connecting" | "open" | "lost";
export type TandemEvent = { name: string; data: unknown };

type Options = {
  onEvent: (event: TandemEvent) => void;
  onState: (state: StreamState) => void;
  /** Milliseconds to wait after this many failures in a row. */
  delay?: (failures: number) => number;
  /** Milliseconds of silence after which the connection counts as gone. */
  silence?: number;
};

type Bytes = Uint8Array<ArrayBuffer>;

const backoff = (failures: number) => Math.min(1000 * 2 ** failures, 15_000);
// Tandem sends a comment every 15 seconds. After sleep or a change of network, no error tells that the connection broke.
const SILENCE = 45_000;

/** Listens until the returned function is called; connects again by itself. */
export function listen({ onEvent, onState, delay = backoff, silence = SILENCE }: Options): () => void {
  const stop = new AbortController();
  let failures = 0;

  const once = async (watch: Watch) => {
    const headers = { Authorization: `Bearer ${session.token() ?? ""}`, Accept: "text/event-stream" };
    const response = await fetch("/api/v1/events", { headers, signal: watch.signal, cache: "no-store" });
    if (response.status === 401) {
      session.signOut("refused");
      stop.abort();
    }
    if (!response.ok || !response.body) throw new Error(`events: ${response.status}`);
    const heard = new TransformStream<Bytes, Bytes>({
      transform: (bytes, out) => (watch.heard(), out.enqueue(bytes)),
    });
    const text = response.body.pipeThrough(heard).pipeThrough(new TextDecoderStream());
    const reader = text.pipeThrough(new EventSourceParserStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      failures = 0;
      onState("open");
      onEvent({ name: value.event ?? "message", data: parse(value.data) });
    }
  };

  const run = async () => {
    onState("connecting");
    while (!stop.signal.aborted) {
      const watch = new Watch(silence, stop.signal);
      try {
        await once(watch);
      } catch {
        // Gone, silent or refused: tried again below.
      } finally {
        watch.end();
      }
      if (stop.signal.aborted) return;
      // A connection that ended after it was open can mostly be opened again at once.
      onState(failures === 0 ? "connecting" : "lost");
      await pause(delay(failures++), stop.signal);
    }
  };

  void run();
  return () => stop.abort();
}

/** Ends a connection that is silent for too long, or that has no listener any more. */
class Watch {
  private readonly gone = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  readonly signal: AbortSignal;

  constructor(
    private readonly silence: number,
    stop: AbortSignal,
  ) {
    this.signal = AbortSignal.any([stop, this.gone.signal]);
    this.heard();
  }

  heard() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.gone.abort(), this.silence);
  }

  end() {
    clearTimeout(this.timer);
  }
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
