/** Calls to the server. Addresses are relative to the page, so it works under any path. */

import type { Info } from "./info";
import { type Body, type Document, endpoint } from "./request";
import { objects, StreamError } from "./stream";

const KEY = "ponder.key";

/** What a call failed with, in one sentence. `status` 0: there was no answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly param: string | null;

  constructor(message: string, status: number, param: string | null = null) {
    super(message);
    this.status = status;
    this.param = param;
  }
}

/** The server's key, for this tab alone: it is in no history, export or link. */
export const key = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set: (value: string | null): void => {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  },
};

export const info = async (signal?: AbortSignal): Promise<Info> =>
  (await call("ponder/v1/info", null, signal)) as Info;
export const distribution = (body: Body, signal?: AbortSignal) =>
  call("ponder/v1/distribution", body, signal);
export const score = (body: Body, signal?: AbortSignal) => call("ponder/v1/score", body, signal);
export const expand = (body: Body, signal?: AbortSignal) => stream("ponder/v1/expand", body, signal);
export const solve = (body: Body, signal?: AbortSignal) => stream("ponder/v1/solve", body, signal);

/** Yields the chunks of a document's answer. Aborting frees the server. */
export const answer = (document: Document, body: Body, signal?: AbortSignal) =>
  stream(endpoint(document), body, signal);

/** Returns the tokens of a text that stands in a text, for a branch that begins with it. */
export async function tokenize(text: string, signal?: AbortSignal): Promise<number[]> {
  const { tokens } = (await call("tokenize", { prompt: text, add_special_tokens: false }, signal)) as {
    tokens: number[];
  };
  return tokens;
}

/** What the server is doing: ready, or why it is not. */
export async function health(signal?: AbortSignal): Promise<{ ready: boolean; why: string }> {
  try {
    const response = await ask("health", null, signal);
    return response.ok ? { ready: true, why: "" } : { ready: false, why: (await refusal(response)).message };
  } catch (error) {
    return { ready: false, why: sentence(error) };
  }
}

/** Returns a call's JSON. Throws ApiError; AbortError if its caller aborted it. */
export async function call(path: string, body: Body | null, signal?: AbortSignal): Promise<unknown> {
  const response = await ask(path, body, signal);
  if (!response.ok) throw await refusal(response);
  try {
    return await response.json();
  } catch (error) {
    throw isAbort(error) ? error : new ApiError("the server's answer is not JSON", response.status);
  }
}

/** Yields the objects of a call's stream. Throws as `call`. */
export async function* stream(
  path: string,
  body: Body,
  signal?: AbortSignal,
): AsyncGenerator<Record<string, unknown>> {
  const response = await ask(path, body, signal);
  if (!response.ok) throw await refusal(response);
  if (!response.body) throw new ApiError("the server's answer is empty", response.status);
  try {
    yield* objects(response.body);
  } catch (error) {
    throw error instanceof StreamError ? new ApiError(error.message, response.status, error.param) : error;
  }
}

/** Whether an error only says that its caller aborted the call. */
export const isAbort = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "AbortError";

/** What went wrong, for a person. */
export const sentence = (error: unknown): string =>
  error instanceof Error ? error.message : "something went wrong";

async function ask(path: string, body: Body | null, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {};
  const secret = key.get();
  if (secret) headers.Authorization = `Bearer ${secret}`;
  if (body) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    throw isAbort(error) ? error : new ApiError("the server cannot be reached", 0);
  }
}

/** Returns what the server refused a call with. */
async function refusal(response: Response): Promise<ApiError> {
  const said: unknown = await response.json().catch(() => null);
  const { error } = (typeof said === "object" && said ? said : {}) as {
    error?: { message?: unknown; param?: unknown };
  };
  const message =
    typeof error?.message === "string" ? error.message : `the server answered ${response.status}`;
  return new ApiError(message, response.status, typeof error?.param === "string" ? error.param : null);
}
