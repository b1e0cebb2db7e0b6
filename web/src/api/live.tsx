// Keeps the screen up to date: applies events to the cache, and reads data again that events do not contain.

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

import { type Notice, useNotify } from "../ui/Notices";
import type { Call, CallRecording, Cdr, Conference, ConferenceMember, Fault, ParkedCall, Recording, Registration } from "./client";
import { ended } from "./ended";
import { listen, type StreamState, type TandemEvent } from "./events";
import { recorded } from "./recorded";

type Page<T> = { items: T[]; next_cursor?: string | null };
type Pages<T> = { pages: Page<T>[]; pageParams: unknown[] };

/** Reads lists again after a change. An answer that is under way may be older than the change, and a first answer would
 * not be asked for again: it is given up before. */
export async function reread(client: QueryClient, queryKey: string[]) {
  await client.cancelQueries({ queryKey });
  await client.invalidateQueries({ queryKey });
}

/** Adds a phone to the lists, or removes it. No list is read again: a thousand phones may come at once. */
function changeRegistrations(client: QueryClient, contact: Registration, added: boolean) {
  const fits = (key: readonly unknown[]) => key[1] === "all" || !key[2] || key[2] === contact.number;
  for (const [queryKey] of client.getQueriesData({ queryKey: ["registrations"] })) {
    client.setQueryData<Page<Registration> | Pages<Registration>>(queryKey, (list) => {
      if (!list || !fits(queryKey)) return list;
      if ("items" in list) return changePages([list], contact, added)[0];
      return { ...list, pages: changePages(list.pages, contact, added) };
    });
  }
  // An answer that is under way may be older than this event.
  if (client.isFetching({ queryKey: ["registrations"] })) void client.invalidateQueries({ queryKey: ["registrations"] });
}

function changePages(pages: Page<Registration>[], contact: Registration, added: boolean): Page<Registration>[] {
  const without = pages.map((page) => {
    const items = page.items.filter((other) => other.id !== contact.id);
    return items.length === page.items.length ? page : { ...page, items };
  });
  if (!added) return without;
  const after = (other: Registration) =>
    other.number === contact.number ? BigInt(other.id) > BigInt(contact.id) : other.number > contact.number;
  // The first page with a later item, or the last page there is. A page that was not read yet will have the phone.
  const at = without.findIndex((page) => !page.next_cursor || page.items.some(after));
  return without.map((page, i) => {
    if (i !== at) return page;
    const place = page.items.findIndex(after);
    const items = [...page.items];
    items.splice(place < 0 ? items.length : place, 0, contact);
    return { ...page, items };
  });
}

/** A member has come, has changed or has gone. */
function changeMember(client: QueryClient, name: string, room: string, member: ConferenceMember) {
  const gone = name === "conference.left";
  const change = (conference: Conference): Conference => {
    const members = conference.members.map((other) => (other.id === member.id ? member : other));
    const known = members.includes(member);
    return { ...conference, members: gone ? members.filter((other) => other !== member) : known ? members : [...members, member] };
  };
  client.setQueryData<Page<Conference>>(["conferences"], (page) => {
    if (!page) return page;
    const known = page.items.some((conference) => conference.room === room);
    const fresh: Conference[] = known || gone ? [] : [{ room, since: member.since, recorded: false, members: [] }];
    const items = [...page.items, ...fresh].map((conference) => (conference.room === room ? change(conference) : conference));
    items.sort((a, b) => (a.room < b.room ? -1 : 1));
    return { ...page, items: items.filter(({ members }) => members.length > 0) };
  });
  // An answer that is under way may be older than this event.
  if (client.isFetching({ queryKey: ["conferences"] })) void client.invalidateQueries({ queryKey: ["conferences"] });
}

/** A call waits in a slot, or no longer. The list is by slot. */
function changeParked(client: QueryClient, parked: ParkedCall, added: boolean) {
  client.setQueryData<Page<ParkedCall>>(["parked"], (page) => {
    if (!page) return page;
    const items = page.items.filter(({ slot, call_id }) => slot !== parked.slot && call_id !== parked.call_id);
    if (added) items.push(parked);
    return { ...page, items: items.sort((a, b) => Number(a.slot) - Number(b.slot)) };
  });
  // An answer that is under way may be older than this event.
  if (client.isFetching({ queryKey: ["parked"] })) void client.invalidateQueries({ queryKey: ["parked"] });
}

/** A recording has begun or ended: lists show its state, and so does what is recorded. */
function changeRecording(client: QueryClient, recording: Recording) {
  const going = recording.state === "in_progress";
  const update = (item: Recording) => (item.id === recording.id ? { ...recording, call: item.call } : item);
  client.setQueriesData<Pages<Recording>>({ queryKey: ["recordings"] }, (list) =>
    list && { ...list, pages: list.pages.map((page) => ({ ...page, items: page.items.map(update) })) },
  );
  if (going) recorded.add();
  void client.invalidateQueries({ queryKey: ["call-recordings", recording.call_id] });
  if (recording.kind === "conference") {
    client.setQueryData<Page<Conference>>(["conferences"], (page) =>
      page && { ...page, items: page.items.map((one) => (one.room === recording.name ? { ...one, recorded: going } : one)) },
    );
  }
  if (recording.kind === "call") {
    const state: CallRecording = going ? "on" : "off";
    client.setQueryData<Page<Call>>(["calls"], (page) =>
      page && { ...page, items: page.items.map((call) => (call.id === recording.call_id ? { ...call, recording: state } : call)) },
    );
  }
}

/** Reads the lists again after events were missed. A long list of calls or recordings is left as it is, and shows a
 * button. */
function readAgain(client: QueryClient) {
  const long = (data: unknown) => ((data as Pages<unknown> | undefined)?.pages?.length ?? 0) > 1;
  const kept = (queryKey: readonly unknown[]) => queryKey[0] === "cdrs" || queryKey[0] === "recordings";
  void client.invalidateQueries({ predicate: ({ queryKey, state }) => !kept(queryKey) || !long(state.data) });
  const left = (name: string) => client.getQueriesData({ queryKey: [name] }).some(([, data]) => long(data));
  if (left("cdrs")) ended.miss();
  if (left("recordings")) recorded.add();
}

/** Changes of the dialplan that this page has made, and whose reload event has not come yet. */
let own: { at: number; made: boolean }[] = [];

/** This page changes the dialplan itself: no notice for its reload. Call the result with the outcome of the change. */
export function ownChange(): (made: boolean) => void {
  const change = { at: Date.now(), made: false };
  own.push(change);
  return (made) => {
    change.made = made;
    if (!made) own = own.filter((other) => other !== change);
  };
}

/** True if a reload follows from changes of this page. One reload may follow from several changes. */
function isOwn(): boolean {
  const recent = own.filter(({ at }) => Date.now() - at < 15_000);
  own = recent.filter(({ made }) => !made);
  return recent.length > 0;
}

/** Applies an event to the cache. Returns the notice for people, if there is one. */
export function apply(client: QueryClient, { name, data }: TandemEvent): Notice | undefined {
  const change = (update: (calls: Call[]) => Call[]) => {
    client.setQueryData<Page<Call>>(["calls"], (page) => page && { ...page, items: update(page.items) });
    // An answer that is under way may be older than this event: the list is read again.
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
      const cdr = data as Cdr;
      change((calls) => calls.filter((call) => call.id !== cdr.call_id));
      ended.add(cdr);
      return undefined;
    }
    case "registration.added":
    case "registration.removed":
      changeRegistrations(client, data as Registration, name === "registration.added");
      return undefined;
    case "extension.changed":
      // Changed here, by a key of a phone or by the dialplan: the list and an open dialog are read again.
      void client.invalidateQueries({ queryKey: ["extensions"] });
      void client.invalidateQueries({ queryKey: ["extension", (data as { number: string }).number] });
      return undefined;
    case "conference.joined":
    case "conference.changed":
    case "conference.left": {
      const { room, member } = data as { room: string; member: ConferenceMember };
      changeMember(client, name, room, member);
      return undefined;
    }
    case "parked.added":
    case "parked.removed":
      changeParked(client, data as ParkedCall, name === "parked.added");
      return undefined;
    case "recording.started":
    case "recording.ended":
      changeRecording(client, data as Recording);
      return undefined;
    case "dialplan.reloaded":
      void client.invalidateQueries({ queryKey: ["dialplans"] });
      void client.invalidateQueries({ queryKey: ["dialplan"] });
      return isOwn() ? undefined : { tone: "good", text: "The dialplan was reloaded." };
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
      // Events from before, and missed events: the lists are read again.
      readAgain(client);
      return undefined;
    default:
      return undefined;
  }
}

/** A fault with its place, in words. */
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
