/**
 * What a person does in the playground: a document, settings, and the tree of runs that came of them.
 *
 * A session is never changed: each function returns a new one, which shares what stayed. So undoing is keeping
 * the old one (`undo.ts`). Runs are never changed either.
 */

import { branched, cutTo, type Lineage } from "./lineage";
import { asked, type Body, type Branch, type Document, type Settings } from "./request";
import { pathsOf, type Trace } from "./trace";

/** Where a run branched off another: after so many of a text's tokens, with another token or none. */
export interface Origin {
  run: string;
  text: number;
  at: number;
  token: number | null;
}

/** What an answer cost, as the server says it. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
}

/** Milliseconds from sending to the first token, and to the end. */
export interface Timings {
  first: number | null;
  total: number;
}

/** One request and its answer. */
export interface Run {
  readonly id: string;
  readonly made: number;
  readonly document: Document;
  readonly settings: Settings;
  /** What was sent. */
  readonly body: Body;
  /** The tokens that its texts begin with. */
  readonly branch: Branch | null;
  readonly origin: Origin | null;
  readonly trace: Trace;
  /** What the server sent of each text. */
  readonly texts: readonly string[];
  readonly usage: Usage | null;
  readonly timings: Timings | null;
  readonly end: "done" | "stopped" | "failed";
  /** Why it failed. */
  readonly error: string | null;
}

export interface Mark {
  starred: boolean;
  note: string;
}

/** A text of a run. */
export interface Place {
  run: string;
  text: number;
}

export interface Session {
  readonly id: string;
  readonly made: number;
  readonly title: string;
  readonly document: Document;
  readonly settings: Settings;
  /** In the order in which they were made; an origin comes before what branched off it. */
  readonly runs: readonly Run[];
  readonly marks: Readonly<Record<string, Mark>>;
  /** The text that is shown. */
  readonly place: Place | null;
}

/** Returns a new identifier. */
export const identifier = (): string => crypto.randomUUID();

export function begun(document: Document, settings: Settings = {}): Session {
  return {
    id: identifier(),
    made: Date.now(),
    title: "",
    document,
    settings,
    runs: [],
    marks: {},
    place: null,
  };
}

/** Returns a session with another document, settings, title or place. */
export function edited(
  session: Session,
  change: Partial<Pick<Session, "document" | "settings" | "title" | "place">>,
): Session {
  return { ...session, ...change };
}

/** Returns a session with a run that has ended, whose first text is shown. */
export function grown(session: Session, run: Run): Session {
  return { ...session, runs: [...session.runs, run], place: { run: run.id, text: 0 } };
}

export function marked(session: Session, run: string, change: Partial<Mark>): Session {
  const mark = { ...(session.marks[run] ?? { starred: false, note: "" }), ...change };
  const { [run]: _, ...others } = session.marks;
  return { ...session, marks: mark.starred || mark.note ? { ...others, [run]: mark } : others };
}

/** Returns a session without a run and what branched off it. */
export function without(session: Session, run: string): Session {
  const gone = new Set([run]);
  for (const one of session.runs) if (one.origin && gone.has(one.origin.run)) gone.add(one.id);
  const runs = session.runs.filter(({ id }) => !gone.has(id));
  const marks = Object.fromEntries(Object.entries(session.marks).filter(([id]) => !gone.has(id)));
  const origin = runOf(session, run)?.origin;
  const stays = session.place && !gone.has(session.place.run);
  const last = runs.at(-1);
  const next = origin ? { run: origin.run, text: origin.text } : last ? { run: last.id, text: 0 } : null;
  return { ...session, runs, marks, place: stays ? session.place : next };
}

export function runOf(session: Session, id: string): Run | null {
  return session.runs.find((run) => run.id === id) ?? null;
}

/** Returns a text's tokens from the prompt on, those that it began with included. */
export function tokensOf(run: Run, text: number): number[] {
  const path = pathsOf(run.trace)[text] ?? [];
  return [...(run.branch?.tokens ?? []), ...path.map((token) => run.trace.tokens[token].id)];
}

/** Returns where a text's random numbers branched off. */
export function lineageOf(run: Run, text: number): Lineage {
  return branched(run.branch?.lineage ?? [], run.branch?.tokens.length ?? 0, text);
}

/**
 * Returns what to ask for to go on from a text's first `at` tokens, those that it began with included.
 *
 * With `token` as the next one, which then counts as generated too. The random numbers of what follows are those
 * that the text itself had there: with the same settings, and no other token, the rest is the same.
 */
export function branchAt(
  run: Run,
  text: number,
  at: number,
  token: number | null = null,
): { branch: Branch; origin: Origin } {
  const held = tokensOf(run, text).slice(0, at);
  const lineage = cutTo(lineageOf(run, text), held.length);
  const tokens = token === null ? held : [...held, token];
  return { branch: { tokens, lineage }, origin: { run: run.id, text, at, token } };
}

/** What a run's texts come after: runs with the same grow in one tree. */
export const rootOf = (run: Run): string => JSON.stringify(asked(run.document, run.branch));

/** Returns the texts that share a text's nearest branching, it included, in the order of the tree. */
export function siblings(session: Session, place: Place): Place[] {
  const run = runOf(session, place.run);
  if (!run) return [];
  const start = ({ origin }: Run) => origin && `${origin.run} ${origin.text} ${origin.at}`;
  const beside = session.runs.filter((one) => start(one) === start(run) && rootOf(one) === rootOf(run));
  const found = beside.flatMap((one) => pathsOf(one.trace).map((_, text) => ({ run: one.id, text })));
  return run.origin ? [{ run: run.origin.run, text: run.origin.text }, ...found] : found;
}

/** Returns the conversation with a text as the assistant's message, or the document with a text behind its prompt. */
export function answered(document: Document, text: string): Document {
  if (document.kind === "completion") return { ...document, prompt: document.prompt + text };
  const last = document.messages.at(-1);
  if (last?.role !== "assistant")
    return { ...document, messages: [...document.messages, { role: "assistant", content: text }] };
  return {
    ...document,
    messages: [...document.messages.slice(0, -1), { ...last, content: last.content + text }],
  };
}
