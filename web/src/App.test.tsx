import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { session } from "./api/session";
import { App } from "./App";

// A small API in memory: enough to walk through the pages.
let calls: unknown[];
let extensions: { number: string; name: string }[];
let requests: string[];
let changes: unknown[];
let fault: unknown;
let broken: boolean;
// The state of main.rhai on the server, with its versions.
let plan: string;
let version: number;
let cdrs: { call_id: string }[];

/** Two calls of a transfer: 101 talks with 102, who sends it on to 103. */
const records = (() => {
  const at = (second: number) => `2026-01-05T08:00:${String(second).padStart(2, "0")}Z`;
  const call = (call_id: string, from: string, to: string, code: string, text: string) => ({
    call_id, sip_call_id: call_id, from, from_name: "", to, dialed: to, started_at: at(0), answered_at: at(4), ended_at: at(9),
    talk_seconds: 5, disposition: "answered", sip_code: 200, ended_by: "caller", cause: { code, text, remedy: "" }, detail: "",
  });
  const way = { packets: 900, lost: 100, late: 0, doubled: 0, jitter_ms: 7, mos: 3.4 };
  const segment = (from: number, to: number, other: string, why: string) => ({ from: at(from), to: at(to), party: "101", with: other, why });
  return {
    k1: {
      ...call("k1", "101", "102", "call.transferred", "The call was transferred"),
      segments: [segment(0, 4, "", "started"), segment(4, 9, "102", "answered")],
      links: [{ call_id: "k2", how: "transferred_to" }, { call_id: "k3", how: "joined" }],
      quality: [{ party: "101", inbound: true, codec: "PCMA", quality: { received: way, sent: null, round_trip_ms: 24 } }],
    },
    k2: {
      ...call("k2", "101", "103", "callee.hung_up", "103 hung up"),
      segments: [segment(5, 9, "103", "transferred")],
      links: [{ call_id: "k1", how: "transferred_from" }],
      quality: [],
    },
  };
})();
let keys: (string | null)[];
let events: () => Promise<Response>;

const json = (status: number, body: unknown) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const problem = (status: number, detail: string, field?: string) => json(status, { status, code: "x", detail, field });
const etag = () => ({ ETag: `"v${version}"` });

/** A change of the present version makes a new version. */
const stale = (request: Request) => request.headers.get("If-Match") !== `"v${version}"`;

async function fake(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = input instanceof Request ? input : new Request(new URL(input, location.origin), init);
  const { pathname } = new URL(request.url);
  requests.push(`${request.method} ${pathname}`);
  if (request.headers.get("Authorization") !== "Bearer good") return problem(401, "no");
  if (pathname === "/api/v1/events") return events();
  if (broken) return problem(503, "the switch is stopping");
  const page = (items: unknown[]) => json(200, { items, next_cursor: null });
  switch (`${request.method} ${pathname}`) {
    case "GET /api/v1/calls":
      return page(calls);
    case "DELETE /api/v1/calls/c1":
      calls = [];
      return json(204, null);
    case "GET /api/v1/system":
      return json(200, { version: "1", domain: "tandem.local", servers: [{ address: "192.0.2.7", port: 5070, transports: ["udp", "tcp"] }] });
    case "GET /api/v1/extensions/101":
      return new Response(JSON.stringify(extensions[0]), { headers: { "Content-Type": "application/json", ...etag() } });
    case "GET /api/v1/cdrs":
      return json(200, { items: cdrs, next_cursor: new URL(request.url).searchParams.has("cursor") ? null : "next" });
    case "GET /api/v1/cdrs/k2":
      return json(200, records.k2);
    case "GET /api/v1/cdrs/k3":
      return problem(404, "no such record");
    case "POST /api/v1/extensions": {
      keys.push(request.headers.get("Idempotency-Key"));
      const body = (await request.json()) as { number: string };
      if (extensions.some((known) => known.number === body.number)) return problem(409, "extension 101 exists already", "number");
      const made = { dnd: false, voicemail: false, require_qop: false, transcode: "auto", name: "", ...body };
      extensions.push(made);
      return json(201, { ...made, password: "generated-once" });
    }
    case "PATCH /api/v1/extensions/101":
      if (stale(request)) return problem(412, "somebody changed it meanwhile");
      version += 1;
      changes.push(await request.json());
      return json(200, extensions[0]);
    case "GET /api/v1/dialplans":
      return json(200, { items: [{ name: "main", bytes: 1, modified_at: null }], fault, next_cursor: null });
    case "GET /api/v1/dialplans/main":
      return new Response(plan, { headers: etag() });
    case "PUT /api/v1/dialplans/main":
      if (stale(request)) return problem(412, "somebody changed it meanwhile");
      version += 1;
      plan = await request.text();
      return new Response(null, { status: 204, headers: etag() });
    case "GET /api/v1/extensions":
      return page(extensions);
    default:
      return page([]);
  }
}

beforeEach(() => {
  calls = [
    { id: "c1", from: "101", from_name: "Alice", dialed: "102", to: "102", state: "answered", doing: "dial", legs: [],
      started_at: "2026-01-05T08:00:00Z", answered_at: "2026-01-05T08:00:05Z" },
  ];
  extensions = [{ number: "101", name: "Alice" }];
  plan = "fn on_call(caller) {\n  caller.ecko();\n}\n";
  version = 1;
  cdrs = [];
  keys = [];
  requests = [];
  changes = [];
  fault = null;
  events = () => new Promise<Response>(() => {});
  broken = false;
  vi.stubGlobal("fetch", fake);
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
  HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) { this.open = false; };
  session.signOut();
  history.replaceState(null, "", "/");
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function signedIn(path = "/") {
  history.replaceState(null, "", path);
  session.signIn("good");
  render(<App />);
  return userEvent.setup();
}

test("a wrong token is refused, a right token opens the page and stays in the tab", async () => {
  const user = userEvent.setup();
  render(<App />);
  await user.type(screen.getByLabelText("Admin token"), "bad");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect((await screen.findByRole("alert")).textContent).toBe("This token is not known.");
  await user.clear(screen.getByLabelText("Admin token"));
  await user.type(screen.getByLabelText("Admin token"), "  good ");
  await user.keyboard("{Enter}");
  await screen.findByRole("heading", { name: "Calls" });
  expect(sessionStorage.getItem("tandem.token")).toBe("good");
  expect(localStorage.length).toBe(0);
  await user.click(screen.getByRole("button", { name: "Sign out" }));
  expect(screen.getByLabelText("Admin token")).toBeTruthy();
  expect(sessionStorage.length).toBe(0);
});

test("a call is hung up after one question", async () => {
  const user = await signedIn();
  await user.click(await screen.findByRole("button", { name: "Hang up" }));
  const dialog = await screen.findByRole("dialog");
  expect(requests).not.toContain("DELETE /api/v1/calls/c1");
  await user.click(within(dialog).getByRole("button", { name: "Hang up" }));
  await screen.findByText("No calls right now");
  expect(requests).toContain("DELETE /api/v1/calls/c1");
});

test("a new extension shows its password once", async () => {
  const user = await signedIn("/extensions");
  await user.click(await screen.findByRole("button", { name: "New extension" }));
  await user.type(screen.getByLabelText("Number"), "101");
  await user.click(screen.getByRole("button", { name: "Create" }));
  expect((await screen.findByRole("alert")).textContent).toBe("Extension 101 exists already.");
  expect(screen.getByLabelText("Number").getAttribute("aria-invalid")).toBe("true");
  await user.clear(screen.getByLabelText("Number"));
  // A corrected field has no fault any more.
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.getByLabelText("Number").getAttribute("aria-invalid")).toBeNull();
  await user.type(screen.getByLabelText("Number"), "102");
  await user.click(screen.getByRole("button", { name: "Create" }));
  expect((await screen.findByTestId("password")).textContent).toBe("generated-once");
  // The other settings of the phone.
  expect((await screen.findByText("192.0.2.7")).textContent).toBe("192.0.2.7");
  expect(screen.getByText("5070")).toBeTruthy();
  expect(screen.getByText("UDP or TCP")).toBeTruthy();
  expect(screen.getByText(/leave it empty or type the server's address/)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Done" }));
  expect(screen.queryByText("generated-once")).toBeNull();
  expect(await screen.findByRole("button", { name: "Edit 102" })).toBeTruthy();
});

test("an empty or failed list says so, and can be tried again", async () => {
  const user = await signedIn("/registrations");
  await screen.findByText("No phone is signed in");
  await user.click(screen.getByRole("link", { name: "Call history" }));
  await screen.findByText("No calls yet");
  cleanup();
  broken = true;
  history.replaceState(null, "", "/calls");
  render(<App />);
  const alert = await screen.findByRole("alert", undefined, { timeout: 8000 });
  expect(alert.textContent).toContain("The switch is stopping.");
  broken = false;
  await user.click(within(alert).getByRole("button", { name: "Try again" }));
  await screen.findByText("Alice");
}, 15_000);

test("a new password is made, set, and shown once", async () => {
  const user = await signedIn("/extensions");
  await user.click(await screen.findByRole("button", { name: "New password 101" }));
  await user.click(await screen.findByRole("button", { name: "Set password" }));
  const shown = (await screen.findByTestId("password")).textContent;
  expect(shown).toMatch(/^[a-z2-9]{16}$/);
  expect(changes).toEqual([{ password: shown }]);
  await user.click(screen.getByRole("button", { name: "Done" }));
  expect(screen.queryByText(shown ?? "")).toBeNull();
  // A password that was typed is not shown.
  await user.click(screen.getByRole("button", { name: "New password 101" }));
  await user.type(await screen.findByLabelText("Password"), "a secret of mine");
  await user.click(screen.getByRole("button", { name: "Set password" }));
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(changes[1]).toEqual({ password: "a secret of mine" });
});

test("without a connection the page says so, and keeps the last data on the screen", async () => {
  events = () => Promise.reject(new TypeError("failed to fetch"));
  await signedIn();
  await screen.findByText("Alice");
  expect((await screen.findByRole("alert", undefined, { timeout: 5000 })).textContent).toContain("is lost");
  expect(screen.getByText("Not connected")).toBeTruthy();
  expect(screen.getByText("Alice")).toBeTruthy();
}, 10_000);

test("a fault in the dialplan's files stays on its page until they are taken again", async () => {
  let tell = (_: string) => {};
  events = async () => {
    const stream = new ReadableStream<Uint8Array>({
      start: (c) => {
        tell = (text) => c.enqueue(new TextEncoder().encode(text));
      },
    });
    return new Response(stream);
  };
  await signedIn("/dialplans");
  await screen.findByLabelText("Text of main.rhai");
  fault = { file: "main.rhai", line: 2, column: 1, detail: "no ecko()" };
  tell(`event: dialplan.failed\ndata: ${JSON.stringify({ ...(fault as object), call_id: null })}\n\n`);
  expect((await screen.findByRole("alert")).textContent).toContain("main.rhai, line 2: no ecko()");
  expect(screen.getByLabelText("Text of main.rhai").getAttribute("aria-invalid")).toBe("true");
  fault = null;
  tell(`event: dialplan.reloaded\ndata: {"generation":2}\n\n`);
  await vi.waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
  expect(screen.getByLabelText("Text of main.rhai").getAttribute("aria-invalid")).toBeNull();
});

test("a request whose answer was lost is repeated with its key, and another request has another key", async () => {
  const user = await signedIn("/extensions");
  await user.click(await screen.findByRole("button", { name: "New extension" }));
  await user.type(screen.getByLabelText("Number"), "300");
  let lost = true;
  vi.stubGlobal("fetch", async (input: Request | string, init?: RequestInit) => {
    const answer = await fake(input, init);
    if (input instanceof Request && input.method === "POST" && lost) {
      lost = false;
      extensions = extensions.filter(({ number }) => number !== "300");
      throw new TypeError("failed to fetch");
    }
    return answer;
  });
  await user.click(screen.getByRole("button", { name: "Create" }));
  await screen.findByText("Tandem cannot be reached.");
  await user.click(screen.getByRole("button", { name: "Create" }));
  await user.click(await screen.findByRole("button", { name: "Done" }));
  await user.click(screen.getByRole("button", { name: "New extension" }));
  await user.type(screen.getByLabelText("Number"), "301");
  await user.click(screen.getByRole("button", { name: "Create" }));
  await screen.findByRole("button", { name: "Done" });
  expect(keys[0]).toBeTruthy();
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
});

test("a draft survives another page, the end of the session and a new one; leaving asks", async () => {
  const leaving = () => {
    const event = new Event("beforeunload", { cancelable: true });
    dispatchEvent(event);
    return event.defaultPrevented;
  };
  const user = await signedIn("/dialplans/main");
  expect(leaving()).toBe(false);
  await user.type(await screen.findByLabelText("Text of main.rhai"), "// mine");
  await user.click(screen.getByRole("link", { name: "Calls" }));
  await screen.findByText("Alice");
  expect(leaving()).toBe(true);
  session.signOut("refused");
  await screen.findByText(/no longer accepted/);
  expect(leaving()).toBe(true);
  await user.type(screen.getByLabelText("Admin token"), "good");
  await user.keyboard("{Enter}");
  await user.click(await screen.findByRole("link", { name: /^Dialplan.*not saved yet$/ }));
  const area = await screen.findByLabelText<HTMLTextAreaElement>("Text of main.rhai");
  expect(area.value).toBe(`${plan}// mine`);
  await user.click(screen.getByRole("button", { name: "Save" }));
  await screen.findByText("Saved: in force for every new call.");
  expect(plan).toContain("// mine");
  expect(leaving()).toBe(false);
});

test("two people who edit one file see the other version before it is overwritten", async () => {
  const user = await signedIn("/dialplans/main");
  await user.type(await screen.findByLabelText("Text of main.rhai"), "// mine");
  const theirs = "// theirs\nfn on_call(caller) {}\n";
  [plan, version] = [theirs, 2];
  await user.click(screen.getByRole("button", { name: "Save" }));
  const shown = await screen.findByLabelText<HTMLTextAreaElement>("Their version of main.rhai");
  expect([shown.value, shown.readOnly, plan]).toEqual([theirs, true, theirs]);
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Save" }).disabled).toBe(true);
  await user.click(screen.getByRole("button", { name: "Go on with mine" }));
  expect(screen.queryByLabelText("Their version of main.rhai")).toBeNull();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await screen.findByText("Saved: in force for every new call.");
  expect(plan).toContain("// mine");
  // The other way round: theirs is taken.
  await user.type(screen.getByLabelText("Text of main.rhai"), "// again");
  [plan, version] = [theirs, 9];
  await user.click(screen.getByRole("button", { name: "Save" }));
  await user.click(await screen.findByRole("button", { name: "Take theirs" }));
  expect(screen.getByLabelText<HTMLTextAreaElement>("Text of main.rhai").value).toBe(theirs);
  expect(plan).toBe(theirs);
});

test("a change of an extension by another person is shown, and not overwritten", async () => {
  const forwards = { forward_always: null, forward_busy: null, forward_no_answer: null, forward_unreachable: null };
  const rules = { no_answer_seconds: null, call_limit: null, pickup_group: null, music: null };
  const switches = { dnd: false, voicemail: false, reject_anonymous: false, hide_number: false, intercom: true, has_pin: false, dtmf: "auto" };
  const full = { ...forwards, ...rules, ...switches };
  extensions = [{ number: "101", name: "Alice", ...full }];
  const user = await signedIn("/extensions");
  await user.click(await screen.findByRole("button", { name: "Edit 101" }));
  const name = await screen.findByLabelText<HTMLInputElement>("Name");
  await user.clear(name);
  await user.type(name, "Alicia");
  const theirs = { number: "101", name: "Ali", ...full, forward_busy: "102" };
  [extensions, version] = [[theirs], 2];
  await user.click(screen.getByRole("button", { name: "Save" }));
  await screen.findByText("Another person has set this to: Ali");
  expect(changes).toEqual([]);
  expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("Alicia");
  expect(screen.getByLabelText<HTMLInputElement>("When busy, forward to").value).toBe("102");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(changes).toEqual([{ name: "Alicia" }]);
});

test("calls that end wait behind a button, and one page is read for them", async () => {
  const call = (id: string, from = "101") => ({
    call_id: id, sip_call_id: id, from, from_name: "Alice", to: "102", dialed: "102", started_at: "2026-01-05T08:00:00Z",
    answered_at: null, ended_at: "2026-01-05T08:00:09Z", talk_seconds: 0, disposition: "busy", sip_code: 486, ended_by: "callee", detail: "",
    cause: { code: "phone.busy", text: "102 was busy", remedy: "" }, segments: [], links: [], quality: [],
  });
  let tell = (_: string) => {};
  events = async () => {
    const start = (c: ReadableStreamDefaultController<Uint8Array>) => {
      tell = (text) => c.enqueue(new TextEncoder().encode(text));
    };
    return new Response(new ReadableStream<Uint8Array>({ start }));
  };
  cdrs = [call("old")];
  const user = await signedIn("/history?q=101&from=2026-01-01");
  expect((await screen.findByRole<HTMLInputElement>("searchbox")).value).toBe("101");
  expect(screen.getByLabelText<HTMLInputElement>("From").value).toBe("2026-01-01");
  await screen.findByText("102");
  await user.click(screen.getByRole("button", { name: "Search older calls" }));
  const read = () => requests.filter((request) => request === "GET /api/v1/cdrs").length;
  await vi.waitFor(() => expect(read()).toBe(2));
  for (let i = 0; i < 50; i++) tell(`event: call.ended\ndata: ${JSON.stringify(call(`n${i}`))}\n\n`);
  tell(`event: call.ended\ndata: ${JSON.stringify(call("other", "777"))}\n\n`);
  const button = await screen.findByRole("button", { name: "50 new calls" });
  expect(read()).toBe(2);
  await user.click(button);
  await vi.waitFor(() => expect(read()).toBe(3));
  expect(screen.queryByRole("button", { name: /new call/ })).toBeNull();
  // The filters stand in the address.
  await user.selectOptions(screen.getByLabelText("How it ended"), "busy");
  await vi.waitFor(() => expect(location.search).toBe("?q=101&from=2026-01-01&result=busy"));
});

test("a record shows the parties of a call, and leads to the linked call", async () => {
  cdrs = [records.k1];
  const user = await signedIn("/history");
  await screen.findByText("The call was transferred");
  await user.click(screen.getByLabelText("Details of the call from 101 to 102"));
  const story = () => [...document.querySelectorAll(".story li")].map((line) => line.textContent?.replace(/^.*?(?=101)/, ""));
  expect(story()).toEqual(["101Called, no answer yet · 0:04", "101 with 102Answered · 0:05"]);
  await screen.findByText("poor (3.40 of 4.41) · 10 % lost · jitter 7 ms");
  expect(screen.getByText("Sound to 101").nextSibling?.textContent).toBe("not reported by the phone");
  expect(screen.getByText("Time to 101 and back").nextSibling?.textContent).toBe("24 ms");
  await user.click(screen.getByRole("button", { name: "Went on as another call" }));
  await screen.findByText(/103 hung up/);
  expect(story()).toContain("101 with 103Transferred · 0:04");
  // The way back is open already.
  expect(screen.queryByRole("button", { name: "Came from another call" })).toBeNull();
  await user.click(screen.getByRole("button", { name: "Took over a place in another call" }));
  await screen.findByText("The other record cannot be shown: No such record.");
});

test("rows that are far from the screen are not drawn", async () => {
  const observers: { watch: Element; tell: (near: boolean) => void }[] = [];
  class Observer {
    constructor(private readonly told: (entries: unknown[]) => void) {}
    observe(watch: Element) {
      observers.push({ watch, tell: (isIntersecting) => this.told([{ isIntersecting, boundingClientRect: { height: 2_000 } }]) });
    }
    disconnect() {}
  }
  vi.stubGlobal("IntersectionObserver", Observer);
  extensions = Array.from({ length: 500 }, (_, i) => ({ number: String(1_000 + i), name: "" }));
  await signedIn("/extensions");
  const table = await screen.findByRole("table");
  expect(table.getAttribute("aria-rowcount")).toBe("501");
  expect(screen.queryByRole("button", { name: "Edit 1001" })).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Edit 1499" })).toBeNull();
  expect(table.querySelectorAll("tbody tr").length).toBeLessThan(150);
  observers.at(-1)?.tell(true);
  const row = (await screen.findByRole("button", { name: "Edit 1499" })).closest("tr");
  expect(row?.getAttribute("aria-rowindex")).toBe("501");
  observers.at(-1)?.tell(false);
  await vi.waitFor(() => expect(screen.queryByRole("button", { name: "Edit 1499" })).toBeNull());
});
