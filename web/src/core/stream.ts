/** Server-sent events over fetch, as they come. */

const MAX_EVENT = 64 * 2 ** 20; // characters
const ABRUPT = "the server ended the answer before it was complete";

/** One event: its name ("message" if it has none) and its data. */
export interface ServerEvent {
  event: string;
  data: string;
}

/** A stream that cannot be read on, or in which the server tells an error. */
export class StreamError extends Error {
  readonly param: string | null;

  constructor(message: string, param: string | null = null) {
    super(message);
    this.param = param;
  }
}

/** Yields the events of a stream of bytes, which may be split anywhere. Each byte is looked at once. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let event = "";
  let data: string[] = [];
  let size = 0;
  for await (const line of lines(body)) {
    if (line === "") {
      if (data.length) yield { event: event || "message", data: data.join("\n") };
      [event, data, size] = ["", [], 0];
      continue;
    }
    const colon = line.indexOf(":");
    if (colon === 0) continue; // a comment, which keeps the connection open
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "event") event = value;
    if (name === "data") {
      size += value.length;
      if (size > MAX_EVENT) throw new StreamError(`an event should have at most ${MAX_EVENT} characters`);
      data.push(value);
    }
  }
}

/**
 * Yields the JSON objects of an answer until `[DONE]`.
 *
 * Throws StreamError where the server tells an error or ends too early; AbortError where its caller has
 * aborted the request.
 */
export async function* objects(body: ReadableStream<Uint8Array>): AsyncGenerator<Record<string, unknown>> {
  for await (const { event, data } of events(body)) {
    if (data === "[DONE]") return;
    const value = parse(data);
    if (event === "error" || value.error) throw told(value);
    yield value;
  }
  throw new StreamError(ABRUPT);
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let begun: string[] = []; // of a line whose end has not come
  let size = 0;
  let afterReturn = false; // a line feed at the start belongs to the line end before it
  try {
    for (;;) {
      const { done, value } = await read(reader);
      if (done) return; // a line without an end is none: its event was cut off
      const text = decoder.decode(value, { stream: true });
      let start = afterReturn && text.startsWith("\n") ? 1 : 0;
      if (text) afterReturn = text.endsWith("\r");
      for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) {
        if (index < start) continue;
        begun.push(text.slice(start, index));
        yield begun.join("");
        [begun, size] = [[], 0];
        start = index + end.length;
      }
      if (start === text.length) continue;
      size += text.length - start;
      if (size > MAX_EVENT) throw new StreamError(`a line should have at most ${MAX_EVENT} characters`);
      begun.push(text.slice(start));
    }
  } finally {
    await reader.cancel().catch(() => undefined); // a reader that leaves early frees the server
  }
}

async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new StreamError(ABRUPT);
  }
}

function parse(data: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw new StreamError("the server sent an event that is not a JSON object");
}

function told(value: Record<string, unknown>): StreamError {
  const error = (typeof value.error === "object" && value.error ? value.error : value) as Record<
    string,
    unknown
  >;
  const { message, param } = error;
  return new StreamError(
    typeof message === "string" ? message : "the server failed",
    typeof param === "string" ? param : null,
  );
}
