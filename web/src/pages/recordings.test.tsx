// The pages of recordings and conferences, and what other pages show of recordings, on a small API in memory.

import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { session } from "../api/session";
import { App } from "../App";

const AT = "2026-01-05T08:00:00Z";

type Item = { id: string; state: string; call_id: string };
const recording = (id: string, more: object = {}) => ({
  id, call_id: "k1", kind: "call", name: "", format: "wav", channels: 2, started_at: AT, state: "ended", seconds: 72, bytes: 192_044,
  end: "stopped", fault: "", call: { from: "101", from_name: "Alice", to: "102", dialed: "102" }, ...more,
});
const member = (id: string, number: string) => ({ id, number, name: "", since: AT, muted: false, volume: 0, speaking: false });
const cdr = {
  call_id: "k1", sip_call_id: "k1", from: "101", from_name: "", to: "102", dialed: "102", started_at: AT, answered_at: AT, ended_at: AT,
  talk_seconds: 5, disposition: "answered", sip_code: 200, ended_by: "caller", cause: { code: "x", text: "Done", remedy: "" }, detail: "",
  segments: [{ from: AT, to: AT, party: "101", with: "102", why: "answered" }], links: [], quality: [],
};

let recordings: Item[];
let members: ReturnType<typeof member>[];
let call: { recording: string };
let requests: string[];
let expires: string;
let refusal: string | undefined;
let tell: (name: string, data: unknown) => void;

const json = (status: number, body: unknown) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });

async function fake(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = input instanceof Request ? input : new Request(new URL(input, location.origin), init);
  const { pathname, search, searchParams } = new URL(request.url);
  const body = request.method === "POST" || request.method === "PATCH" ? await request.text() : "";
  requests.push(`${request.method} ${pathname}${search} ${body}`.trim());
  const page = (items: unknown[]) => json(200, { items, next_cursor: null });
  const [, , , kind = "", id = "", what = ""] = pathname.split("/");
  switch (`${request.method} ${kind}${what && ` ${what}`}`) {
    case "GET events": {
      const stream = new ReadableStream<Uint8Array>({
        start: (c) => {
          tell = (name, data) => c.enqueue(new TextEncoder().encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
        },
      });
      return new Response(stream);
    }
    case "GET recordings":
      return page(recordings.filter(({ call_id }) => [null, call_id].includes(searchParams.get("call_id"))));
    case "POST recordings link":
      return json(201, { url: `/api/v1/recordings/${id}/audio?ticket=${requests.length}`, expires_at: expires });
    case "DELETE recordings":
      recordings = recordings.filter((one) => one.id !== id);
      return json(204, null);
    case "GET conferences":
      return page(members.length ? [{ room: "sales 7", since: AT, recorded: false, members }] : []);
    case "PATCH conferences members": {
      const one = members.find((member) => (member as { id: string }).id === pathname.split("/")[6]);
      const changed = { ...(one as object), ...JSON.parse(body) };
      return refusal ? json(404, { detail: refusal, code: "not_found" }) : json(200, changed);
    }
    case "DELETE conferences members":
      members = members.slice(1);
      return json(204, null);
    case "GET calls":
      return page([call]);
    case "POST calls recording":
      return refusal ? json(409, { detail: refusal, code: "conflict" }) : json(204, null);
    case "GET cdrs":
      return page([cdr]);
    default:
      return page([]);
  }
}

beforeEach(() => {
  recordings = [
    recording("r1"),
    recording("r2", { kind: "caller", name: "note-1", state: "missing" }),
    recording("r3", { kind: "conference", name: "sales", state: "in_progress", seconds: null, bytes: null, end: null, call_id: "k9" }),
  ];
  members = [member("m1", "101"), member("m2", "102")];
  call = {
    ...{ id: "c1", from: "101", from_name: "", dialed: "102", to: "102", state: "answered", doing: "", legs: [], started_at: AT, answered_at: AT },
    recording: "off",
  };
  requests = [];
  expires = "2999-01-01T00:00:00Z";
  refusal = undefined;
  vi.stubGlobal("fetch", fake);
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
  HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) { this.open = false; };
});
afterEach(() => {
  cleanup();
  session.signOut();
  vi.unstubAllGlobals();
});

async function opened(path: string) {
  history.replaceState(null, "", path);
  session.signIn("good");
  render(<App />);
  await screen.findByText("Live").catch(() => undefined);
  return userEvent.setup();
}

const enabled = (name: string) => !screen.getByRole<HTMLButtonElement>("button", { name }).disabled;
const audio = (name: string) => screen.findByLabelText<HTMLAudioElement>(name);

test("only what can be heard can be played, and only what has ended can be deleted", async () => {
  await opened("/recordings");
  await screen.findByRole("button", { name: "Play: 101 with 102" });
  const of = (title: string) => ["Play", "Download", "Delete"].map((action) => enabled(`${action}: ${title}`));
  expect(of("101 with 102")).toEqual([true, true, true]);
  expect(of("Message note-1 of 101")).toEqual([false, false, true]);
  expect(of("Conference sales")).toEqual([false, false, false]);
  expect(screen.getByText("file missing")).toBeTruthy();
  expect(screen.getByText(/^recording/)).toBeTruthy();
  expect(screen.getAllByText("1:12")).toHaveLength(2);
});

test("a recording is played by a link, and by a new link once that one is over", async () => {
  const user = await opened("/recordings");
  await user.click(await screen.findByRole("button", { name: "Play: 101 with 102" }));
  const player = await audio("Recording: 101 with 102");
  await vi.waitFor(() => expect(player.getAttribute("src")).toMatch(/^\/api\/v1\/recordings\/r1\/audio\?ticket=/));
  expect(requests.filter((request) => request.startsWith("POST"))).toEqual(["POST /api/v1/recordings/r1/link"]);
  cleanup();
  expires = AT;
  const again = await opened("/recordings");
  await again.click(await screen.findByRole("button", { name: "Play: 101 with 102" }));
  const second = await audio("Recording: 101 with 102");
  await vi.waitFor(() => expect(second.getAttribute("src")).toBeTruthy());
  const first = second.getAttribute("src");
  expires = "2999-01-01T00:00:00Z";
  second.currentTime = 42;
  fireEvent.error(second);
  await vi.waitFor(() => expect(second.getAttribute("src")).not.toBe(first));
  second.currentTime = 0;
  fireEvent.loadedMetadata(second);
  expect(second.currentTime).toBe(42);
  // A link that is good, and no sound.
  fireEvent.error(second);
  expect((await screen.findByRole("alert")).textContent).toContain("This cannot be played");
  await again.click(screen.getByRole("button", { name: "Close the player" }));
  expect(screen.queryByRole("region", { name: "Player" })).toBeNull();
});

test("a recording is deleted after one question, and no longer played", async () => {
  const user = await opened("/recordings");
  await user.click(await screen.findByRole("button", { name: "Play: 101 with 102" }));
  await user.click(screen.getByRole("button", { name: "Delete: 101 with 102" }));
  const dialog = await screen.findByRole("dialog");
  expect(dialog.textContent).toContain("101 with 102");
  expect(requests.some((request) => request.startsWith("DELETE"))).toBe(false);
  await user.click(within(dialog).getByRole("button", { name: "Delete" }));
  await vi.waitFor(() => expect(screen.queryByRole("button", { name: "Play: 101 with 102" })).toBeNull());
  expect(requests).toContain("DELETE /api/v1/recordings/r1");
  expect(screen.queryByRole("region", { name: "Player" })).toBeNull();
});

test("the filters of recordings are in the address, and are asked of the server", async () => {
  const user = await opened("/recordings?q=ali&from=2026-01-05");
  await screen.findByRole("button", { name: "Play: 101 with 102" });
  await user.selectOptions(screen.getByLabelText("Kind"), "conference");
  await vi.waitFor(() => expect(requests.at(-1)).toContain("kind=conference"));
  expect(requests.at(-1)).toContain("q=ali");
  expect(requests.at(-1)).toContain("from=2026-01-0");
  expect(location.search).toBe("?q=ali&from=2026-01-05&kind=conference");
});

test("a new recording waits behind a button", async () => {
  const user = await opened("/recordings");
  await screen.findByRole("button", { name: "Play: 101 with 102" });
  recordings = [recording("r9", { kind: "caller", name: "new" }), ...recordings];
  tell("recording.started", { ...recordings[0], state: "in_progress", call: null });
  await user.click(await screen.findByRole("button", { name: "Show new recordings" }));
  await screen.findByRole("button", { name: "Play: Message new of 101" });
  expect(screen.queryByRole("button", { name: "Show new recordings" })).toBeNull();
});

test("a member of a conference is muted, and removed after one question", async () => {
  const user = await opened("/conferences");
  const room = await screen.findByRole("region", { name: "Conference sales 7" });
  expect(room.textContent).toContain("2 members");
  await user.click(within(room).getByRole("button", { name: "Mute 101" }));
  await within(room).findByText("muted");
  expect(requests).toContain('PATCH /api/v1/conferences/sales%207/members/m1 {"muted":true}');
  const volume = within(room).getByLabelText<HTMLSelectElement>("Volume of 102");
  await user.selectOptions(volume, "\u22126 dB");
  await vi.waitFor(() => expect(requests).toContain('PATCH /api/v1/conferences/sales%207/members/m2 {"volume":-6}'));
  tell("conference.changed", { room: "sales 7", member: { ...member("m2", "102"), volume: 17 } });
  await vi.waitFor(() => expect(within(room).getByLabelText<HTMLSelectElement>("Volume of 102").selectedOptions[0]?.text).toBe("+17 dB"));
  tell("conference.changed", { room: "sales 7", member: { ...member("m2", "102"), speaking: true } });
  await within(room).findByText("speaking");
  await user.click(within(room).getByRole("button", { name: "Unmute 101" }));
  refusal = "there is no such member";
  await user.click(await within(room).findByRole("button", { name: /^(Unm|M)ute 101/ }));
  await screen.findByText(/There is no such member/);
  await user.click(within(room).getByRole("button", { name: "Remove 101" }));
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Remove" }));
  await vi.waitFor(() => expect(screen.queryByText("101")).toBeNull());
  expect(requests).toContain("DELETE /api/v1/conferences/sales%207/members/m1");
  tell("conference.left", { room: "sales 7", member: member("m2", "102") });
  await screen.findByText("No conferences right now");
});

test("a call is recorded, paused and no longer recorded from its row", async () => {
  const user = await opened("/calls");
  await user.click(await screen.findByRole("button", { name: "Record" }));
  await screen.findByText("recorded");
  await user.click(screen.getByRole("button", { name: "Details of the call from 101 to 102" }));
  await user.click(await screen.findByRole("button", { name: "Pause recording" }));
  await user.click(await screen.findByRole("button", { name: "Resume recording" }));
  await screen.findByRole("button", { name: "Pause recording" });
  await user.click(screen.getByRole("button", { name: "Stop recording" }));
  await screen.findByRole("button", { name: "Record" });
  const asked = requests.filter((request) => request.startsWith("POST")).map((request) => request.split(" ")[2]);
  expect(asked).toEqual(["start", "pause", "resume", "stop"].map((action) => JSON.stringify({ action })));
  refusal = "the call is not connected";
  await user.click(screen.getByRole("button", { name: "Record" }));
  await screen.findByText("Record was not possible. The call is not connected.");
  // Another person records it.
  tell("recording.started", recording("r9", { call_id: "c1", state: "in_progress" }));
  await screen.findByText("recorded");
});

test("a call that does not talk yet cannot be recorded", async () => {
  call = { ...call, ...{ state: "ringing" } };
  await opened("/calls");
  await screen.findByText("ringing");
  expect(screen.queryByRole("button", { name: "Record" })).toBeNull();
});

test("the record of a call has its recordings", async () => {
  const user = await opened("/history");
  await user.click(await screen.findByRole("button", { name: "Details of the call from 101 to 102" }));
  const list = await screen.findByRole("list", { name: "Recordings of the call" });
  expect(list.children).toHaveLength(2);
  expect(within(list).getByText("file missing")).toBeTruthy();
  const player = await audio("Recording: 101 with 102");
  await vi.waitFor(() => expect(player.getAttribute("src")).toContain("/recordings/r1/audio"));
  expect(requests.some((request) => request.includes("/recordings?call_id=k1"))).toBe(true);
});
