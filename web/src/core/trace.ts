/** The trace format (docs/traces.md): what is watched as it comes, kept, compared and written is this object. */

import {
  any,
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

export const MAX_BYTES = 128 * 2 ** 20;
export const PROMPT = -1;
const ROUNDING = 1e-5; // what rounding may add to a probability
const LOWEST = 0.01; // temperatures
const HIGHEST = 100;
const MAX_TOP = 1000;
const MAX_TEXTS = 100_000;

export type Source = "caller" | "checkpoint" | "default" | "resolved";
export type Reason = "stop" | "length" | "constraint" | "deadline" | "until";
export type Kind = "constraint" | "penalty" | "temperature" | "truncation";

/** A parameter as it applied, and who set it. */
export interface Param {
  value: unknown;
  source: Source;
}

/** A token's text, parts of characters as \xNN, and its bytes in hexadecimal. */
export interface Spelling {
  text: string;
  bytes: string;
}

/** What a step of the sampler did: tokens it removed, their probability before it, others it changed. */
export interface Step {
  step: string;
  kind: Kind;
  removed: number;
  mass: number;
  changed: number;
}

/** What there was to choose from at one place of a text. */
export interface Row {
  entropy: number;
  kept: number;
  kept_mass: number;
  /** The share of the raw distribution that the constraint let through; older files lack it. */
  allowed_mass?: number | undefined;
  ids: number[];
  logits: number[];
  tempered: number[];
  truncated: number[];
  tails: (number | null)[];
  steps: Step[];
}

/** A token of the tree. `index` is there in streams: the text that it belongs to. */
export interface Token {
  id: number;
  parent: number;
  row: number;
  logprob: number;
  tempered_logprob: number;
  truncated_logprob: number;
  rank: number;
  score: number | null;
  ended: Reason | null;
  index?: number | undefined;
}

/** A finished text: its tokens by their indices, from the prompt on. */
export interface Text {
  text: string;
  tokens: number[];
  finish_reason: Reason;
  logprob: number;
  score: number;
}

/** How a prompt was answered. `seed` (null: nothing was drawn), `fingerprint` and `prompt_token_ids` are in streams. */
export interface Trace {
  version: 1;
  model: string;
  vocab_size: number;
  prompt: string;
  prompt_tokens: number;
  params: Record<string, Param>;
  temperatures: number[];
  vocabulary: Record<string, Spelling>;
  rows: Row[];
  tokens: Token[];
  texts: Text[];
  seed?: number | null | undefined;
  fingerprint?: string | null | undefined;
  prompt_token_ids?: number[] | undefined;
}

const REASON: Form<Reason> = oneOf("stop", "length", "constraint", "deadline", "until");
const BYTES: Form<string> = (value) => {
  if (!/^([0-9a-f]{2})*$/i.test(text(value))) throw new FormError("should be bytes in hexadecimal");
  return value as string;
};
const SPELLING = object<Spelling>({ text, bytes: BYTES });
const VOCABULARY = record(SPELLING, /^\d{1,10}$/);
const PARAMS = record(
  object<Param>({ value: any, source: oneOf("caller", "checkpoint", "default", "resolved") }),
  /^[A-Za-z]\w{0,99}$/,
);
const STEP = object<Step>({
  step: text,
  kind: oneOf("constraint", "penalty", "temperature", "truncation"),
  removed: whole,
  mass: number,
  changed: whole,
});
// -Infinity has no place in JSON: a token that was given, and could not have come, has null.
const LOGPROB: Form<number> = (value) => (value === null ? -Infinity : number(value));
const ROW = object<Row>({
  entropy: number,
  kept: whole,
  kept_mass: number,
  allowed_mass: optional(number),
  ids: list(whole, MAX_TOP),
  logits: list(number, MAX_TOP),
  tempered: list(number, MAX_TOP),
  truncated: list(number, MAX_TOP),
  tails: list(nullable(number), MAX_TOP),
  steps: list(STEP, MAX_TOP),
});
const TOKEN = object<Token>({
  id: whole,
  parent: whole,
  row: whole,
  logprob: LOGPROB,
  tempered_logprob: LOGPROB,
  truncated_logprob: LOGPROB,
  rank: whole,
  score: nullable(number),
  ended: nullable(REASON),
  index: optional(whole),
});
const TEXT = object<Text>({
  text,
  tokens: list(whole),
  finish_reason: REASON,
  logprob: LOGPROB,
  score: LOGPROB,
});
const HEAD = {
  version: oneOf(1),
  model: text,
  vocab_size: whole,
  prompt: text,
  prompt_tokens: whole,
  params: PARAMS,
  temperatures: list(number, MAX_TOP),
  seed: optional(nullable(whole)),
  fingerprint: optional(nullable(text)),
  prompt_token_ids: optional(list(whole)),
} as const;
const TRACE = object<Trace>({
  ...HEAD,
  vocabulary: VOCABULARY,
  rows: list(ROW),
  tokens: list(TOKEN),
  texts: list(TEXT, MAX_TEXTS),
});
const BEGINNING = object<Omit<Trace, "vocabulary" | "rows" | "tokens" | "texts">>(HEAD);
const PART = object<Partial<Pick<Trace, "vocabulary" | "rows" | "tokens" | "texts">>>({
  vocabulary: optional(VOCABULARY),
  rows: optional(list(ROW)),
  tokens: optional(list(TOKEN)),
  texts: optional(list(TEXT, MAX_TEXTS)),
});

/** Returns a trace with no tokens yet, from the first part of a stream. Throws FormError. */
export function begin(part: unknown): Trace {
  const trace: Trace = { ...BEGINNING(part), vocabulary: {}, rows: [], tokens: [], texts: [] };
  checkGrid(trace);
  grow(trace, part);
  return trace;
}

/**
 * Adds a part of a stream to a trace, in place: lists are appended to, objects merged.
 * Throws FormError for a part that does not fit; the trace is then as it was.
 */
export function grow(trace: Trace, part: unknown): void {
  const { vocabulary = {}, rows = [], tokens = [], texts = [] } = PART(part);
  const grown = { rows: trace.rows.length, tokens: trace.tokens.length, texts: trace.texts.length };
  const added = Object.keys(vocabulary).filter((id) => !Object.hasOwn(trace.vocabulary, id));
  Object.assign(trace.vocabulary, vocabulary);
  for (const row of rows) trace.rows.push(row);
  for (const token of tokens) trace.tokens.push(token);
  for (const one of texts) trace.texts.push(one);
  try {
    checkFrom(trace, grown.rows, grown.tokens, grown.texts);
  } catch (error) {
    trace.rows.length = grown.rows;
    trace.tokens.length = grown.tokens;
    trace.texts.length = grown.texts;
    for (const id of added) delete trace.vocabulary[id];
    throw error;
  }
}

/** Returns a file's JSON as a trace in which everything fits together. Throws FormError. */
export function check(json: string | Uint8Array): Trace {
  return asTrace(parsed(json, MAX_BYTES));
}

/** Returns a JSON value as a trace. Throws FormError. */
export function asTrace(value: unknown): Trace {
  const trace = TRACE(value);
  checkGrid(trace);
  checkFrom(trace, 0, 0, 0);
  return trace;
}

function checkGrid({ temperatures }: Trace): void {
  const rises = temperatures.every((one, i) => i === 0 || one > temperatures[i - 1]);
  const [first = 0, last = Infinity] = [temperatures[0], temperatures.at(-1)];
  if (!rises || first < LOWEST || last > HIGHEST) {
    throw new FormError(`should rise, from ${LOWEST} at least to ${HIGHEST} at most`, ".temperatures");
  }
}

/** Checks rows, tokens and texts from these indices on, so that nobody who reads a trace needs to look. */
function checkFrom(trace: Trace, row: number, token: number, one: number): void {
  for (let i = row; i < trace.rows.length; i++) checkRow(trace, i);
  for (let i = token; i < trace.tokens.length; i++) checkToken(trace, i);
  for (let i = one; i < trace.texts.length; i++) checkText(trace, i);
}

function checkRow(trace: Trace, i: number): void {
  const row = trace.rows[i];
  const place = `.rows[${i}]`;
  const count = row.ids.length;
  if (row.logits.length !== count || row.tempered.length !== count || row.truncated.length !== count) {
    throw new FormError("should have a value for each of its ids", place);
  }
  if (row.tails.length !== trace.temperatures.length) {
    throw new FormError("should have a tail for each of the temperatures", place);
  }
  if (!count || row.logits.some((logit, k) => k > 0 && logit > row.logits[k - 1])) {
    throw new FormError("should have a token at least, and logits that fall", place);
  }
  for (const id of row.ids) checkSpelled(trace, id, place);
  const share = (value: number) => value >= 0 && value <= 1 + ROUNDING;
  if (!row.tempered.every(share) || !row.truncated.every(share) || !share(row.kept_mass)) {
    throw new FormError("should have probabilities from 0 to 1", place);
  }
}

function checkToken(trace: Trace, i: number): void {
  const token = trace.tokens[i];
  if (token.parent < PROMPT || token.parent >= i)
    throw new FormError(`should be ${PROMPT} or under ${i}`, `.tokens[${i}].parent`);
  if (token.row < 0 || token.row >= trace.rows.length)
    throw new FormError(`should be under ${trace.rows.length}`, `.tokens[${i}].row`);
  if (token.index !== undefined && (token.index < 0 || token.index >= MAX_TEXTS))
    throw new FormError(`should be under ${MAX_TEXTS}`, `.tokens[${i}].index`);
  checkSpelled(trace, token.id, `.tokens[${i}]`);
}

function checkText(trace: Trace, i: number): void {
  let above = PROMPT;
  for (const number of trace.texts[i].tokens) {
    if (trace.tokens[number]?.parent !== above)
      throw new FormError("should be a path from the prompt", `.texts[${i}].tokens`);
    above = number;
  }
}

function checkSpelled(trace: Trace, id: number, place: string): void {
  if (!Object.hasOwn(trace.vocabulary, id))
    throw new FormError(`has the token ${id}, which is not in the vocabulary`, place);
}

/** Texts as they grow: of each, its tokens by their indices. `follow` keeps up with a trace's tokens. */
export class Paths {
  readonly paths: number[][] = [];
  private seen = 0;

  /** Takes in the tokens that have come since the last call, which alone it costs. */
  follow(trace: Trace): void {
    for (; this.seen < trace.tokens.length; this.seen++) {
      const token = trace.tokens[this.seen];
      if (token.index === undefined) continue; // of a search: which texts stay is known at its end
      while (this.paths.length <= token.index) this.paths.push([]);
      const path = this.paths[token.index];
      if ((path.at(-1) ?? PROMPT) === token.parent) path.push(this.seen);
      else this.paths[token.index] = pathTo(trace, this.seen);
    }
  }
}

/** Returns the tokens from the prompt to one of them, by their indices. */
export function pathTo(trace: Trace, token: number): number[] {
  const path = [];
  for (let at = token; at !== PROMPT; at = trace.tokens[at].parent) path.push(at);
  return path.reverse();
}

/** Returns of each text its tokens by their indices: finished ones, else what a stream brought of each. */
export function pathsOf(trace: Trace): number[][] {
  if (trace.texts.length) return trace.texts.map((one) => one.tokens);
  const found = new Paths();
  found.follow(trace);
  return found.paths;
}

/** Returns a parameter's value; undefined if the trace does not tell it. */
export function valueOf(trace: Trace, name: string): unknown {
  return Object.hasOwn(trace.params, name) ? trace.params[name].value : undefined;
}

/** Returns a parameter's value, if it is a number. */
export function numberOf(trace: Trace, name: string): number | undefined {
  const value = valueOf(trace, name);
  return typeof value === "number" ? value : undefined;
}
