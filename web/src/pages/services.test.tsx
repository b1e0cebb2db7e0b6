// What phones watch, parked calls, transfers, and the keys of an extension: on the whole page.

import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { App } from "../App";
import { session } from "../api/session";

/** Answers by method and path; a function sees the request. */
let answers: { [request: string]: unknown };
let requests: string[];

const json = (status: number, body: unknown, headers = {}) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
const page = (...items: unknown[]) => ({ items, next_cursor: null });

async function fake(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = input instanceof Request ? input : new Request(new URL(input, location.origin), init);
  const { pathname, search } = new URL(request.url);
  requests.push(`${request.method} ${pathname}${search}`);
  const answer = answers[`${request.method} ${pathname}`] ?? page();
  if (typeof answer === "function") return (answer as (request: Request) => Promise<Response>)(request);
  return json(200, answer);
}

/** Answers the stream of events; the result sends an event. */
function stream() {
  let tell = (_: Uint8Array) => {};
  const start = (c: ReadableStreamDefaultController<Uint8Array>) => {
    tell = (bytes) => c.enqueue(bytes);
  };
  answers["GET /api/v1/events"] = async () => new Response(new ReadableStream<Uint8Array>({ start }));
  return (name: string, data: unknown) => tell(new TextEncoder().encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
}

beforeEach(() => {
  answers = { "GET /api/v1/events": () => new Promise<Response>(() => {}) };
  requests = [];
  vi.stubGlobal("fetch", fake);
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
  HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) { this.open = false; };
  session.signOut();
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function signedIn(path: string) {
  history.replaceState(null, "", path);
  session.signIn("good");
  render(<App />);
  return userEvent.setup();
}

/** The texts of the cells of each row, without the heads. */
const rows = (table: HTMLElement) =>
  within(table).getAllByRole("row").slice(1).map((row) => within(row).getAllByRole("cell").map((cell) => cell.textContent));

test("what phones watch is listed, with lamps that could not be told, and filtered by watcher and number", async () => {
  const watch = (id: string, name: string, state: string, failures: number) => ({
    id, watcher: "103", number: "102", package: name, event_id: null, state, contact: "sip:103@192.0.2.30", source: "192.0.2.30:5060",
    transport: "udp", expires_at: "2026-01-05T08:00:00Z", last_answer: failures ? 408 : null, failures,
  });
  answers["GET /api/v1/subscriptions"] = page(watch("1", "dialog", "active", 0), watch("2", "message-summary", "pending", 0), watch("3", "x", "active", 2));
  const user = signedIn("/calls");
  await user.click(await screen.findByRole("link", { name: "Subscriptions" }));
  const shown = rows(await screen.findByRole("table")).map((cells) => cells.slice(0, 3));
  expect(shown).toEqual([
    ["103", "102lamp", "active"],
    ["103", "102messages", "pending"],
    ["103", "102x", "2 NOTIFYs failed: 408"],
  ]);
  answers["GET /api/v1/subscriptions"] = page();
  await user.type(screen.getByLabelText("Watched by"), "200");
  await vi.waitFor(() => expect(requests).toContain("GET /api/v1/subscriptions?limit=500&watcher=200"));
  await user.type(screen.getByLabelText("Watched number"), "101");
  await vi.waitFor(() => expect(requests).toContain("GET /api/v1/subscriptions?limit=500&watcher=200&number=101"));
  await screen.findByText("Nothing found");
  expect(location.search).toBe("?watcher=200&number=101");
});

test("parked calls stand below the calls by slot, and events keep them current", async () => {
  const parked = (slot: string, number: string, name = "") => ({
    slot, call_id: `c${slot}`, number, name, parked_by: "102", since: new Date().toISOString(), returns_at: new Date().toISOString(),
  });
  const tell = stream();
  const lists: unknown[] = [];
  answers["GET /api/v1/parked"] = async () => {
    lists.push(null);
    return json(200, page(parked("1000", "101", "Alice")));
  };
  signedIn("/calls");
  const section = await screen.findByRole("region", { name: "Parked calls" });
  const shown = () => rows(within(section).getByRole("table")).map((cells) => cells.slice(0, 3));
  expect(shown()).toEqual([["1000", "101Alice", "102"]]);
  const read = lists.length;
  tell("parked.added", parked("701", "103"));
  await vi.waitFor(() => expect(shown()).toEqual([["701", "103", "102"], ["1000", "101Alice", "102"]]));
  tell("parked.removed", { ...parked("1000", "101"), why: "retrieved" });
  await vi.waitFor(() => expect(shown()).toEqual([["701", "103", "102"]]));
  tell("parked.removed", { ...parked("701", "103"), why: "ended" });
  await vi.waitFor(() => expect(screen.queryByText("Parked calls")).toBeNull());
  expect(lists.length).toBe(read);
});

test("a party of an answered call is transferred; a fault stays in the dialog", async () => {
  const call = (id: string, state: string) => ({
    id, from: "101", from_name: "Alice", dialed: "102", to: "102", state, doing: "dial", recording: "off", legs: [],
    started_at: "2026-01-05T08:00:00Z", answered_at: state === "answered" ? "2026-01-05T08:00:05Z" : null,
  });
  answers["GET /api/v1/calls"] = page(call("c1", "answered"), call("c2", "ringing"));
  const sent: unknown[] = [];
  const replies = [
    () => json(422, { status: 422, code: "invalid", detail: "no such number", field: "to" }),
    () => json(409, { status: 409, code: "conflict", detail: "the call is being transferred" }),
    () => json(204, null),
  ];
  answers["POST /api/v1/calls/c1/transfer"] = async (request: Request) => {
    sent.push(await request.json());
    return replies[sent.length - 1]?.();
  };
  const user = signedIn("/calls");
  await screen.findAllByText("Alice");
  // A call that rings has no such button.
  await user.click(screen.getByRole("button", { name: "Transfer" }));
  const dialog = within(await screen.findByRole("dialog"));
  await user.type(dialog.getByLabelText("To"), " 10 3");
  await user.click(dialog.getByRole("button", { name: "Transfer" }));
  await dialog.findByText("No such number.");
  expect(dialog.getByLabelText("To").getAttribute("aria-invalid")).toBe("true");
  await user.selectOptions(dialog.getByLabelText("Who is moved"), "102 (callee)");
  await user.clear(dialog.getByLabelText("To"));
  await user.type(dialog.getByLabelText("To"), "103");
  await user.click(dialog.getByRole("button", { name: "Transfer" }));
  await dialog.findByText("The call is being transferred.");
  await user.click(dialog.getByRole("button", { name: "Transfer" }));
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(sent).toEqual([{ leg: "caller", to: "10 3" }, { leg: "callee", to: "103" }, { leg: "callee", to: "103" }]);
});

test("how the phone of an extension gets keys is chosen in its dialog, and only that is sent", async () => {
  const extension = {
    number: "101", name: "Alice", dnd: false, voicemail: false, require_qop: false, transcode: "auto", dtmf: "rfc4733", has_pin: false,
    forward_always: null, forward_busy: null, forward_no_answer: null, forward_unreachable: null, no_answer_seconds: null,
    call_limit: null, pickup_group: null, music: null, reject_anonymous: false, hide_number: false, intercom: false,
  };
  answers["GET /api/v1/extensions"] = page(extension);
  answers["GET /api/v1/extensions/101"] = async () => json(200, extension, { ETag: '"v1"' });
  const sent: unknown[] = [];
  answers["PATCH /api/v1/extensions/101"] = async (request: Request) => {
    sent.push(await request.json());
    return json(200, extension);
  };
  const user = signedIn("/extensions");
  await user.click(await screen.findByRole("button", { name: "Edit 101" }));
  const keys = await screen.findByLabelText<HTMLSelectElement>("Keys (DTMF)");
  expect([keys.value, ...[...keys.options].map(({ value }) => value)]).toEqual(["rfc4733", "auto", "rfc4733", "info", "inband"]);
  await user.selectOptions(keys, "SIP INFO");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await vi.waitFor(() => expect(sent).toEqual([{ dtmf: "info" }]));
});

test("the list of extensions says who rings and who is in a call, and what their phones say", async () => {
  const extension = (number: string) => ({ number, name: "", dnd: false, voicemail: false });
  const does = (number: string, state: string, activities: string[], notes: string[]) => ({ number, state, activities, notes, publications: 0 });
  answers["GET /api/v1/extensions"] = page(extension("101"), extension("102"), extension("103"));
  answers["GET /api/v1/presence"] = page(
    does("101", "on_the_phone", ["on-the-phone", "in-transit"], ["back at 3"]),
    does("102", "ringing", ["busy"], []),
    does("103", "dnd", ["busy"], []),
  );
  signedIn("/extensions");
  await screen.findByText("in transit");
  const phones = rows(await screen.findByRole("table")).map((cells) => cells[2]);
  expect(phones).toEqual(["offlineon the phonein transitback at 3", "offlineringing", "offline"]);
  expect(requests).toContain("GET /api/v1/presence?limit=500");
});

test("a PIN is removed, and the messages that wait for the phone of an extension are told", async () => {
  const extension = {
    number: "101", name: "Alice", dnd: false, voicemail: false, require_qop: false, transcode: "auto", dtmf: "auto", has_pin: true,
    forward_always: null, forward_busy: null, forward_no_answer: null, forward_unreachable: null, no_answer_seconds: null,
    call_limit: null, pickup_group: null, music: null, reject_anonymous: false, hide_number: false, intercom: false,
  };
  answers["GET /api/v1/extensions"] = page(extension);
  answers["GET /api/v1/extensions/101"] = async () => json(200, extension, { ETag: '"v1"' });
  answers["GET /api/v1/extensions/101/kept-messages"] = { count: 2, oldest_at: "2026-01-05T08:00:00Z" };
  const sent: unknown[] = [];
  answers["PATCH /api/v1/extensions/101"] = async (request: Request) => {
    sent.push(await request.json());
    return json(200, extension);
  };
  const user = signedIn("/extensions");
  await user.click(await screen.findByRole("button", { name: "Edit 101" }));
  await screen.findByText(/^2 text messages wait for its phone to register/);
  await user.type(screen.getByLabelText("PIN"), "2580");
  await user.click(screen.getByLabelText("Remove the PIN"));
  expect(screen.getByLabelText<HTMLInputElement>("PIN").value).toBe("");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await vi.waitFor(() => expect(sent).toEqual([{ pin: null }]));
});

test("a parked call is taken by a phone that is rung, or hung up after one question", async () => {
  const now = new Date().toISOString();
  answers["GET /api/v1/parked"] = page({ slot: "701", call_id: "c1", number: "101", name: "Alice", parked_by: "102", since: now, returns_at: now });
  const sent: unknown[] = [];
  answers["POST /api/v1/calls"] = async (request: Request) => {
    sent.push(await request.json());
    return json(201, { id: "c2" });
  };
  answers["DELETE /api/v1/calls/c1"] = async () => json(204, null);
  const user = signedIn("/calls");
  await user.click(await screen.findByRole("button", { name: "Take the call at 701" }));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByLabelText<HTMLInputElement>("Then dial").value).toBe("701");
  await user.type(dialog.getByLabelText("Extension to ring first"), "103");
  await user.click(dialog.getByRole("button", { name: "Take" }));
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(sent).toEqual([{ from: "103", to: "701" }]);
  await user.click(screen.getByRole("button", { name: "Hang up the call at 701" }));
  const question = within(await screen.findByRole("dialog"));
  expect(question.getByText(/^The call from/).textContent).toContain("701");
  await user.click(question.getByRole("button", { name: "Hang up" }));
  await vi.waitFor(() => expect(requests).toContain("DELETE /api/v1/calls/c1"));
});
