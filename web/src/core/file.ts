/** Files: sessions, traces, texts and messages, out of the page and into it. A file that is read may hold anything. */

import {
  any,
  flag,
  type Form,
  FormError,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  parsed,
  record,
  text,
  whole,
} from "./form";
import type { Branch, Document, Message, Settings } from "./request";
import {
  begun,
  identifier,
  type Mark,
  type Origin,
  type Place,
  type Run,
  type Session,
  type Timings,
  type Usage,
} from "./session";
import { asTrace, MAX_BYTES, pathsOf, type Reason, type Text, type Trace } from "./trace";
import { pieces } from "./spelling";

const FORMAT = "ponder-session";
const MAX_RUNS = 10_000;
const MAX_MESSAGES = 10_000;
const NAME = /^[A-Za-z]\w{0,99}$/;
const ID = /^[\w-]{1,100}$/;

const NAMED: Form<string> = (value) => {
  if (!ID.test(text(value))) throw new FormError("should be letters, digits, _ and -, at most 100");
  return value as string;
};
const MESSAGE = object<Message>({
  role: oneOf("system", "user", "assistant", "tool", "developer"),
  content: text,
});
const COMPLETION = object<Extract<Document, { kind: "completion" }>>({
  kind: oneOf("completion"),
  prompt: text,
});
const CHAT = object<Extract<Document, { kind: "chat" }>>({
  kind: oneOf("chat"),
  messages: list(MESSAGE, MAX_MESSAGES),
});

export const DOCUMENT: Form<Document> = (value) => {
  const { kind } = object<{ kind: "chat" | "completion" }>({ kind: oneOf("chat", "completion") })(value);
  return kind === "chat" ? CHAT(value) : COMPLETION(value);
};
export const SETTINGS: Form<Settings> = record(any, NAME);

const PAIR: Form<readonly [number, number]> = (value) => {
  const pair = list(whole, 2)(value);
  if (pair.length !== 2) throw new FormError("should be a pair of whole numbers");
  return [pair[0], pair[1]];
};
const BRANCH = object<Branch>({ tokens: list(whole), lineage: list(PAIR, 10_000) });
const ORIGIN = object<Origin>({ run: NAMED, text: whole, at: whole, token: nullable(whole) });
const USAGE = object<Usage>({ prompt_tokens: whole, completion_tokens: whole, cached_tokens: whole });
const TIMINGS = object<Timings>({ first: nullable(number), total: number });
const RUN = object<Run>({
  id: NAMED,
  made: number,
  document: DOCUMENT,
  settings: SETTINGS,
  body: record(any, NAME),
  branch: nullable(BRANCH),
  origin: nullable(ORIGIN),
  trace: asTrace,
  texts: list(text),
  usage: nullable(USAGE),
  timings: nullable(TIMINGS),
  end: oneOf("done", "stopped", "failed"),
  error: nullable(text),
});
const SESSION = object<Session>({
  id: NAMED,
  made: number,
  title: text,
  document: DOCUMENT,
  settings: SETTINGS,
  runs: list(RUN, MAX_RUNS),
  marks: record(object<Mark>({ starred: flag, note: text }), ID),
  place: nullable(object<Place>({ run: NAMED, text: whole })),
});

/** Returns a session as a file's JSON. */
export function sessionFile(session: Session): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, session })}\n`;
}

/** Returns a run's trace as a file's JSON, which `ponder trace show` reads: texts that were stopped are in it too. */
export function traceFile(run: Run): string {
  const { seed: _, fingerprint: __, prompt_token_ids: ___, ...trace } = run.trace;
  const tokens = trace.tokens.map(({ index: _, ...token }) => ({ ...token, ...finite(token) }));
  return `${JSON.stringify({ ...trace, tokens, texts: textsOf(run.trace, run.texts) })}\n`;
}

/** The format has no -Infinity: what could not have come is as unlikely as a number can be. */
function finite(token: Trace["tokens"][number]) {
  const bounded = (value: number) => Math.max(value, -1e9);
  return {
    logprob: bounded(token.logprob),
    tempered_logprob: bounded(token.tempered_logprob),
    truncated_logprob: bounded(token.truncated_logprob),
  };
}

/** Returns the finished texts; where an answer was stopped, what there is of each. */
export function textsOf(trace: Trace, texts: readonly string[] = []): Text[] {
  if (trace.texts.length) return trace.texts;
  const reason: Reason = "until";
  return pathsOf(trace).map((tokens, i) => {
    const logprob = tokens.reduce((sum, token) => sum + Math.max(trace.tokens[token].logprob, -1e9), 0);
    const spelled =
      texts[i] ??
      pieces(trace, tokens)
        .map((piece) => piece.text)
        .join("");
    return { text: spelled, tokens, finish_reason: reason, logprob, score: logprob };
  });
}

/** Returns a conversation as JSON that any client takes, with a text as its last message. */
export function messagesFile(document: Document, answer: string): string {
  const asked = document.kind === "chat" ? document.messages : [{ role: "user", content: document.prompt }];
  return `${JSON.stringify([...asked, { role: "assistant", content: answer }], null, 2)}\n`;
}

/**
 * Returns the session of a file: of a session's, or with one run of a trace's. It has an identifier of its own,
 * so that it replaces none that is there. Throws FormError.
 */
export function opened(json: string | Uint8Array): Session {
  const value = parsed(json, MAX_BYTES);
  const { format, version } = object<{ format?: unknown; version?: unknown }>({
    format: optional(any),
    version: optional(any),
  })(value);
  if (format === undefined) return ofTrace(asTrace(value));
  if (format !== FORMAT) throw new FormError(`should be ${FORMAT}, or a trace`, ".format");
  if (version !== 1) throw new FormError("should be 1, which alone can be read", ".version");
  const { session } = object<{ session: Session }>({ session: SESSION })(value);
  checkSession(session);
  return renamed(session);
}

/** Returns a session with one run, as if a trace's file had been made here. */
function ofTrace(trace: Trace): Session {
  const document: Document = { kind: "completion", prompt: trace.prompt };
  const set = Object.entries(trace.params).filter(([, { source }]) => source === "caller");
  const settings = Object.fromEntries(set.map(([name, { value }]) => [name, value]));
  const { decoder: _, constraint: __, ...sent } = settings;
  const run: Run = {
    id: identifier(),
    made: Date.now(),
    document,
    settings: sent,
    body: {},
    branch: null,
    origin: null,
    trace,
    texts: trace.texts.map((one) => one.text),
    usage: null,
    timings: null,
    end: "done",
    error: null,
  };
  return { ...begun(document, sent), title: trace.model, runs: [run], place: { run: run.id, text: 0 } };
}

/** Refuses what does not fit together, so that nobody who shows a session needs to look. */
function checkSession(session: Session): void {
  const texts = new Map<string, number>();
  session.runs.forEach((run, i) => {
    const place = `.session.runs[${i}]`;
    if (texts.has(run.id)) throw new FormError("should be another than those before it", `${place}.id`);
    if (run.origin) {
      const { run: from, text: number, at } = run.origin;
      if (number < 0 || number >= (texts.get(from) ?? 0) || at < 0)
        throw new FormError("should be in a run before it", `${place}.origin`);
    }
    texts.set(run.id, pathsOf(run.trace).length);
  });
  const { place } = session;
  if (
    place &&
    (place.text < 0 || place.text >= Math.max(1, texts.get(place.run) ?? 0) || !texts.has(place.run))
  ) {
    throw new FormError("should be a text of a run", ".session.place");
  }
}

/** Returns a session with new identifiers: two tabs, or two copies, never write over each other's runs. */
function renamed(session: Session): Session {
  const names = new Map(session.runs.map(({ id }) => [id, identifier()]));
  const name = (id: string) => names.get(id) ?? id;
  const runs = session.runs.map((run) => ({
    ...run,
    id: name(run.id),
    origin: run.origin && { ...run.origin, run: name(run.origin.run) },
  }));
  const marks = Object.fromEntries(
    Object.entries(session.marks)
      .filter(([id]) => names.has(id))
      .map(([id, mark]) => [name(id), mark]),
  );
  return {
    ...session,
    id: identifier(),
    runs,
    marks,
    place: session.place && { ...session.place, run: name(session.place.run) },
  };
}
