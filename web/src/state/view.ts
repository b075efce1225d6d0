// A run as it is shown: its trace from the prompt on, with what it began with, and each of its texts token by token.
import type { Lineage } from "../core/lineage";
import { tailAt } from "../core/redraw";
import { lineageOf, runOf, type Origin, type Run, type Session } from "../core/session";
import { pieces, Speller } from "../core/spelling";
import { pathsOf, type Row, type Token, type Trace } from "../core/trace";
import { shown, type Shown } from "./pieces";

/** A text: its tokens, by their indices in the trace, how they are written, and whose random numbers they draw. */
export interface Line {
  path: number[];
  pieces: Shown[];
  lineage: Lineage;
  text: string;
}

export interface View {
  readonly id: string;
  readonly trace: Trace | null;
  readonly lines: readonly Line[];
  /** How many tokens each text began with. */
  readonly forced: number;
  /** Grows whenever there is more to be shown. */
  readonly version: number;
  readonly live: boolean;
}

const views = new WeakMap<Run, View>(); // runs are never changed

/** Lets a run be shown as it was while it was answered. */
export const remember = (run: Run, view: View) => void views.set(run, view);

/** Returns a run that has ended as it is shown. */
export function viewOf(session: Session, run: Run): View {
  let view = views.get(run);
  if (!view) views.set(run, (view = made(session, run)));
  return view;
}

function made(session: Session, run: Run): View {
  const before = beginning(session, run.origin);
  const trace = before ? joined(before, run.trace) : run.trace;
  const forced = before?.tokens.length ?? 0;
  const lines = pathsOf(trace).map((path, text) => lineOf(trace, path, forced, run.texts[text], lineageOf(run, text)));
  return { id: run.id, trace, lines, forced, version: 0, live: false };
}

/** Writes a text; `sent` is what the server wrote of it behind the tokens that it began with. */
export function lineOf(trace: Trace, path: number[], forced: number, sent: string | undefined, lineage: Lineage): Line {
  const begun = spelled(trace, path.slice(0, forced));
  const text = sent === undefined ? spelled(trace, path) : begun + sent;
  const written = pieces(trace, path, text).map((piece) => shown(piece.text, trace.vocabulary[trace.tokens[piece.token].id].text));
  return { path, pieces: written, lineage, text };
}

/** Returns what whole characters tokens spell. */
export function spelled({ tokens, vocabulary }: Trace, path: readonly number[]): string {
  const speller = new Speller();
  return path.map((index) => speller.push(vocabulary[tokens[index].id].bytes)).join("");
}

/** Returns the trace of what a run began with: the text that it branched off, cut, and the other token. */
export function beginning(session: Session, origin: Origin | null): Trace | null {
  const run = origin && runOf(session, origin.run);
  if (!run) return null;
  const { trace, lines } = viewOf(session, run);
  const path = lines[origin.text]?.path;
  if (!trace || !path) return null;
  const tokens = path.slice(0, origin.at).map((index, place): Token => ({ ...trace.tokens[index], parent: place - 1, row: place, ended: null, index: 0 }));
  const rows = path.slice(0, origin.at).map((index) => trace.rows[trace.tokens[index].row]);
  const row = trace.rows[trace.tokens[path[origin.at]]?.row];
  if (origin.token !== null && row) {
    tokens.push({ ...chosen(row, origin.token, trace.temperatures), parent: origin.at - 1, row: origin.at });
    rows.push(row);
  }
  return { ...trace, vocabulary: { ...trace.vocabulary }, rows, tokens, texts: [] };
}

function chosen(row: Row, id: number, temperatures: number[]): Omit<Token, "parent" | "row"> {
  const at = row.ids.indexOf(id);
  const largest = row.logits[0];
  const others = Math.exp(tailAt(row.tails, temperatures, 1) - largest);
  const whole = largest + Math.log(row.logits.reduce((sum, logit) => sum + Math.exp(logit - largest), others));
  return {
    id,
    logprob: row.logits[at] - whole,
    tempered_logprob: Math.log(row.tempered[at]),
    truncated_logprob: Math.log(row.truncated[at]),
    rank: at + 1,
    score: null,
    ended: null,
    index: 0,
  };
}

/** Returns a whole trace: a beginning with a row for each of its tokens, and what followed it. */
function joined(before: Trace, after: Trace): Trace {
  const part = shifted(after, before.tokens.length);
  return {
    ...after,
    vocabulary: { ...before.vocabulary, ...after.vocabulary },
    rows: [...before.rows, ...after.rows],
    tokens: [...before.tokens, ...(part.tokens ?? [])],
    texts: part.texts ?? [],
  };
}

/** Returns a part of a trace as it belongs behind a beginning of so many tokens, each with a row. */
export function shifted(part: Partial<Trace>, count: number): Partial<Trace> {
  if (!count) return part;
  const before = Array.from({ length: count }, (_, index) => index);
  return {
    ...part,
    ...(part.tokens && { tokens: part.tokens.map((token) => ({ ...token, parent: token.parent + count, row: token.row + count })) }),
    ...(part.texts && { texts: part.texts.map((text) => ({ ...text, tokens: [...before, ...text.tokens.map((token) => token + count)] })) }),
  };
}
