// The client: types from the OpenAPI description, the token on every request, errors as one class.

import createClient from "openapi-fetch";

import type { components, paths } from "./schema";
import { session } from "./session";

type Schemas = components["schemas"];
export type Call = Schemas["Call"];
export type CallParty = Schemas["CallParty"];
export type CallRecording = Schemas["CallRecording"];
export type Cdr = Schemas["Cdr"];
export type Conference = Schemas["Conference"];
export type ConferenceMember = Schemas["ConferenceMember"];
export type Began = Schemas["Began"];
export type Disposition = Schemas["Disposition"];
export type LinkKind = Schemas["LinkKind"];
export type Quality = Schemas["Quality"];
export type WayQuality = Schemas["WayQuality"];
export type Extension = Schemas["Extension"];
export type ExtensionPage = Schemas["ExtensionPage"];
export type CreatedExtension = Schemas["CreatedExtension"];
export type ExtensionPatch = Schemas["ExtensionPatch"];
export type DialplanInfo = Schemas["DialplanInfo"];
export type Fault = Schemas["Fault"];
export type ParkedCall = Schemas["ParkedCall"];
export type Presence = Schemas["Presence"];
export type Recording = Schemas["Recording"];
export type RecordingEnd = Schemas["RecordingEnd"];
export type RecordingKind = Schemas["RecordingKind"];
export type Registration = Schemas["Registration"];
export type Subscription = Schemas["Subscription"];
export type System = Schemas["System"];
type ProblemBody = Schemas["ProblemBody"];

export type Place = { file: string; line: number; column: number };

/** An error of the API (RFC 9457), or status 0 if the API could not be reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly field?: string,
    /** The place of a fault in a dialplan. */
    readonly place?: Place,
  ) {
    super(detail);
    this.name = "ApiError";
  }
}

export const api = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? "",
  // Looked up at each request, so that tests can stand in for it.
  fetch: (request) => fetch(request),
});

api.use({
  onRequest({ request }) {
    const token = session.token();
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
  onResponse({ response }) {
    if (response.status === 401 && session.token()) session.signOut("refused");
    return response;
  },
});

/** Reads any error body, also a body that is no problem document (of a proxy, for example). */
export function toApiError(status: number, body: unknown): ApiError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<ProblemBody>;
  const detail = typeof problem.detail === "string" ? problem.detail : `The server answered ${status}.`;
  const { file, line, column } = problem;
  const place = file && line != null && column != null ? { file, line, column } : undefined;
  return new ApiError(status, problem.code ?? "unknown", detail, problem.field ?? undefined, place);
}

type Result<T> = { data?: T; error?: unknown; response: Response };

/** Data and its version (the ETag). A change names the version it was made from. */
export type Versioned<T> = { data: T; version: string };

/** The data of an answer; throws an `ApiError` for everything else. */
export const unwrap = async <T>(request: Promise<Result<T>>): Promise<T> => (await answer(request)).data as T;

/** The data of an answer with its version. */
export async function unwrapVersioned<T>(request: Promise<Result<T>>): Promise<Versioned<T>> {
  const { data, response } = await answer(request);
  return { data: data as T, version: response.headers.get("ETag") ?? "*" };
}

/** True if another person has changed the data since it was read. */
export const isConflict = (error: unknown) => error instanceof ApiError && error.status === 412;

async function answer<T>(request: Promise<Result<T>>): Promise<Result<T>> {
  let result: Result<T>;
  try {
    result = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "Tandem cannot be reached.");
  }
  if (!result.response.ok) throw toApiError(result.response.status, result.error);
  return result;
}

/** A request that must take effect only once, however often it is sent: its key stays until there is an answer. */
export class Attempt {
  private key = "";
  private body = "";

  async run<T>(body: unknown, send: (header: { "Idempotency-Key": string }) => Promise<T>): Promise<T> {
    const text = JSON.stringify(body);
    if (!this.key || text !== this.body) [this.key, this.body] = [newKey(), text];
    try {
      const made = await send({ "Idempotency-Key": this.key });
      this.key = "";
      return made;
    } catch (error) {
      const answered = error instanceof ApiError && error.status > 0 && error.status < 500;
      if (answered && error.code !== "in_progress") this.key = "";
      throw error;
    }
  }
}

// `crypto.randomUUID` exists on secure origins only.
const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
