// The client: types from the OpenAPI description, the token on every request, errors as one class.

import createClient from "openapi-fetch";

import type { components, paths } from "./schema";
import { session } from "./session";

type Schemas = components["schemas"];
export type Call = Schemas["Call"];
export type Cdr = Schemas["Cdr"];
export type Disposition = Schemas["Disposition"];
export type Extension = Schemas["Extension"];
export type CreatedExtension = Schemas["CreatedExtension"];
export type ExtensionPatch = Schemas["ExtensionPatch"];
export type DialplanInfo = Schemas["DialplanInfo"];
export type Fault = Schemas["Fault"];
export type Registration = Schemas["Registration"];
type ProblemBody = Schemas["ProblemBody"];

export type Place = { file: string; line: number; column: number };

/** What the API said was wrong (RFC 9457), or that it could not be reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly field?: string,
    /** Where a dialplan is at fault. */
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

/** Reads any error body, also one that is no problem document (a proxy's, say). */
export function toApiError(status: number, body: unknown): ApiError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<ProblemBody>;
  const detail = typeof problem.detail === "string" ? problem.detail : `The server answered ${status}.`;
  const { file, line, column } = problem;
  const place = file && line != null && column != null ? { file, line, column } : undefined;
  return new ApiError(status, problem.code ?? "unknown", detail, problem.field ?? undefined, place);
}

type Result<T> = { data?: T; error?: unknown; response: Response };

/** The data of an answer; throws an `ApiError` for everything else. */
export async function unwrap<T>(request: Promise<Result<T>>): Promise<T> {
  let result: Result<T>;
  try {
    result = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "Tandem cannot be reached.");
  }
  if (!result.response.ok) throw toApiError(result.response.status, result.error);
  return result.data as T;
}
