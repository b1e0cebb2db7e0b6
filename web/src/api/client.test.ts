import { afterEach, expect, test, vi } from "vitest";

import { api, ApiError, toApiError, unwrap } from "./client";
import { session } from "./session";

afterEach(() => {
  vi.unstubAllGlobals();
  session.signOut();
});

function answer(status: number, body: unknown) {
  const type = status < 400 ? "application/json" : "application/problem+json";
  const fetch = vi.fn(async (_: Request) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": type } }));
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

test("every request shows the token", async () => {
  session.signIn("tdm_x");
  const fetch = answer(200, { items: [], next_cursor: null });
  await unwrap(api.GET("/api/v1/calls"));
  expect(fetch.mock.calls[0]?.[0].headers.get("Authorization")).toBe("Bearer tdm_x");
});

test("a problem becomes an error that names its field", async () => {
  answer(422, { type: "about:blank", title: "x", status: 422, code: "invalid", detail: "no number", field: "number" });
  const error = await unwrap(api.GET("/api/v1/calls")).catch((error: unknown) => error);
  expect(error).toMatchObject({ status: 422, code: "invalid", message: "no number", field: "number" });
});

test("a fault in a dialplan says where it is", () => {
  const body = { detail: "unexpected ;", code: "dialplan_fault", file: "main.rhai", line: 2, column: 17 };
  expect(toApiError(422, body).place).toEqual({ file: "main.rhai", line: 2, column: 17 });
});

test("a refused token signs out, and says why", async () => {
  session.signIn("old");
  answer(401, { code: "unauthorized", detail: "no" });
  await expect(unwrap(api.GET("/api/v1/calls"))).rejects.toBeInstanceOf(ApiError);
  expect(session.token()).toBeNull();
  expect(session.refused()).toBe(true);
});

test("a server that is gone is said to be gone", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed to fetch")));
  await expect(unwrap(api.GET("/api/v1/calls"))).rejects.toMatchObject({ status: 0, code: "unreachable" });
});

test("an error without a problem document is still told", () => {
  expect(toApiError(502, "<html>")).toMatchObject({ status: 502, message: "The server answered 502." });
});
