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
let events: () => Promise<Response>;

const json = (status: number, body: unknown) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const problem = (status: number, detail: string, field?: string) => json(status, { status, code: "x", detail, field });

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
    case "POST /api/v1/extensions": {
      const body = (await request.json()) as { number: string };
      if (extensions.some((known) => known.number === body.number)) return problem(409, "extension 101 exists already", "number");
      const made = { dnd: false, voicemail: false, require_qop: false, name: "", ...body };
      extensions.push(made);
      return json(201, { ...made, password: "generated-once" });
    }
    case "PATCH /api/v1/extensions/101":
      changes.push(await request.json());
      return json(200, extensions[0]);
    case "GET /api/v1/dialplans":
      return json(200, { items: [{ name: "main", bytes: 1, modified_at: null }], fault, next_cursor: null });
    case "GET /api/v1/dialplans/main":
      return new Response("fn on_call(caller) {\n  caller.ecko();\n}\n");
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

test("a wrong token is told, a right one opens the page and stays in the tab", async () => {
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
  await user.type(screen.getByLabelText("Number"), "102");
  await user.click(screen.getByRole("button", { name: "Create" }));
  expect((await screen.findByTestId("password")).textContent).toBe("generated-once");
  await user.click(screen.getByRole("button", { name: "Done" }));
  expect(screen.queryByText("generated-once")).toBeNull();
  expect(await screen.findByRole("button", { name: "Edit 102" })).toBeTruthy();
});

test("what is empty or fails says so, and can be tried again", async () => {
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
  await user.click(screen.getByRole("button", { name: "Set password" }));
  const shown = (await screen.findByTestId("password")).textContent;
  expect(shown).toMatch(/^[a-z2-9]{16}$/);
  expect(changes).toEqual([{ password: shown }]);
  await user.click(screen.getByRole("button", { name: "Done" }));
  expect(screen.queryByText(shown ?? "")).toBeNull();
  // One that was typed is known already.
  await user.click(screen.getByRole("button", { name: "New password 101" }));
  await user.type(screen.getByLabelText("Password"), "a secret of mine");
  await user.click(screen.getByRole("button", { name: "Set password" }));
  await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(changes[1]).toEqual({ password: "a secret of mine" });
});

test("when Tandem is gone the page says so, and what was there stays to be seen", async () => {
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
