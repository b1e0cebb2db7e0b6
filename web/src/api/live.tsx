// Keeps what is on the screen true: applies events to the cache, and reads again what events cannot tell.

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

import { type Notice, useNotify } from "../ui/Notices";
import type { Call, Fault } from "./client";
import { listen, type StreamState, type TandemEvent } from "./events";

type CallPage = { items: Call[]; next_cursor?: string | null };

const PAUSE = 1_000;
const pausing = new WeakMap<QueryClient, Map<string, { again: boolean }>>();

/** Has a list read again, at most once a second: a thousand phones may come at once. */
function refresh(client: QueryClient, list: string) {
  const lists = pausing.get(client) ?? new Map<string, { again: boolean }>();
  pausing.set(client, lists);
  const pause = lists.get(list);
  if (pause) {
    pause.again = true;
    return;
  }
  const started = { again: false };
  lists.set(list, started);
  setTimeout(() => {
    lists.delete(list);
    if (started.again) refresh(client, list);
  }, PAUSE);
  void client.invalidateQueries({ queryKey: [list] });
}

/** Applies one event to the cache; gives back what people should be told of it. */
export function apply(client: QueryClient, { name, data }: TandemEvent): Notice | undefined {
  const change = (update: (calls: Call[]) => Call[]) => {
    client.setQueryData<CallPage>(["calls"], (page) => page && { ...page, items: update(page.items) });
    // An answer on its way may be older than this event: it is asked for anew.
    if (client.isFetching({ queryKey: ["calls"] })) void client.invalidateQueries({ queryKey: ["calls"] });
  };
  switch (name) {
    case "call.started":
    case "call.ringing":
    case "call.answered": {
      const call = data as Call;
      change((calls) => {
        const known = calls.some((other) => other.id === call.id);
        return known ? calls.map((other) => (other.id === call.id ? call : other)) : [...calls, call];
      });
      return undefined;
    }
    case "call.ended": {
      const { call_id } = data as { call_id: string };
      change((calls) => calls.filter((call) => call.id !== call_id));
      refresh(client, "cdrs");
      return undefined;
    }
    case "registration.added":
    case "registration.removed":
      refresh(client, "registrations");
      return undefined;
    case "dialplan.reloaded":
      void client.invalidateQueries({ queryKey: ["dialplans"] });
      void client.invalidateQueries({ queryKey: ["dialplan"] });
      return { tone: "good", text: "The dialplan was reloaded." };
    case "dialplan.failed": {
      const { call_id, ...fault } = data as Fault & { call_id: string | null };
      if (!call_id) {
        void client.invalidateQueries({ queryKey: ["dialplans"] });
        void client.invalidateQueries({ queryKey: ["dialplan"] });
      }
      const what = call_id ? "A call's dialplan failed" : "The dialplan was not reloaded";
      return { tone: "bad", text: `${what}: ${placed(fault)}` };
    }
    case "hello":
    case "lagged":
      // Whatever happened before, or was missed, is read from the lists.
      void client.invalidateQueries();
      return undefined;
    default:
      return undefined;
  }
}

/** A fault with its place, as people say it. */
export const placed = ({ file, line, detail }: Fault) =>
  line > 0 ? `${file}, line ${line}: ${detail}` : `${file}: ${detail}`;

const State = createContext<StreamState>("connecting");
export const useLiveState = () => useContext(State);

export function Live({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const notify = useNotify();
  const [state, setState] = useState<StreamState>("connecting");
  useEffect(() => {
    const onEvent = (event: TandemEvent) => {
      const notice = apply(client, event);
      if (notice) notify(notice);
    };
    return listen({ onState: setState, onEvent });
  }, [client, notify]);
  return <State.Provider value={state}>{children}</State.Provider>;
}
