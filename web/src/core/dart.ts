/**
 * The token that the same random number hits at other settings. What cannot be told for certain is unknown.
 *
 * ponder draws a token as the first by rising id whose cumulative probability exceeds the number, among what
 * truncation kept. A row has the top tokens and the sum of all others, so the answer is known as long as the
 * number falls well within a top token's share, wherever the others of the kept ones may lie.
 */

import { type Lineage, streamOf } from "./lineage";
import { uniform, words, type Words } from "./philox";
import { reaches, type Sliders } from "./redraw";
import { lineageOf, type Run } from "./session";
import { NEAR, type Shares, sharesOf } from "./shares";
import { numberOf, type Row, type Token, type Trace, valueOf } from "./trace";

/** Where a text's random numbers come from; `start`: how many tokens it had before the first of its trace. */
export interface Dice {
  seed: Words;
  stream: Words;
  start: number;
}

/** A token, or why it cannot be told. */
export type Hit = { id: number; unknown?: undefined } | { id?: undefined; unknown: string };

/** Where a text would part at other settings. */
export interface Parting {
  /** The first place whose token is unknown, and why; null: none before `at`. */
  unknown: { at: number; why: string } | null;
  /** The first place that has another token for certain, and that token; null: none. */
  other: { at: number; id: number } | null;
}

const FAINT = -80; // logarithms of probabilities that float32 may lose
const BEYOND = "what may come goes beyond the tokens that were sent";
const CLOSE = "the number falls too near the border between two tokens";
const CUT = ["top_k", "top_p", "min_p"];
const NEUTRAL: Readonly<Record<string, unknown>> = {
  semantics: "ponder",
  order: null,
  dynatemp_range: 0,
  top_p_decay: 1,
  real_temperature: 0,
};

/** Returns the dice of a run's text; a sentence if they are not known. */
export function diceOfRun(run: Run, text: number): Dice | string {
  if (run.body.continue_final_message)
    return "the answer was begun with a text, whose tokens the page does not know";
  return diceOf(run.trace, lineageOf(run, text), run.branch?.tokens.length);
}

/** Returns the dice of a text of a lineage that began with so many tokens; a sentence if they are not known. */
export function diceOf(trace: Trace, lineage: Lineage = [], start = 0): Dice | string {
  const value = trace.seed === undefined ? numberOf(trace, "seed") : trace.seed;
  if (value === null) return "nothing was drawn";
  if (value === undefined) return "the trace does not tell its seed";
  const seed = words(value);
  return seed
    ? { seed, stream: streamOf(lineage), start }
    : "the seed is too large for a page to read exactly";
}

/** Returns the number that chose the token at a place of a text. */
export function numberAt(dice: Dice, place: number): number {
  return uniform(dice.seed, dice.stream, dice.start + place);
}

/** Why no text of a trace can be drawn again from its rows; null: each can. */
export function obstacle(trace: Trace): string | null {
  for (const [name, neutral] of Object.entries(NEUTRAL)) {
    const value = valueOf(trace, name);
    if (value !== undefined && value !== neutral) return `${name} is set, which the page does not compute`;
  }
  const decoder = valueOf(trace, "decoder");
  const drawn = !decoder || Object.keys(decoder).every((name) => name === "Sample" || name === "Speculative");
  return drawn ? null : "a search does not draw its tokens";
}

/** Returns the token that a text's own random number hits at a place of it. */
export function throwDart(
  trace: Trace,
  path: readonly number[],
  place: number,
  dice: Dice,
  sliders: Sliders,
): Hit {
  const token = trace.tokens[path[place]];
  if (isOwn(trace, sliders)) return { id: token.id };
  const why = obstacle(trace);
  return why ? { unknown: why } : hitAgain(trace, token, numberAt(dice, place), sliders);
}

/** Returns the first place where a text would have another token; what is unknown before it is told. */
export function parting(trace: Trace, path: readonly number[], dice: Dice, sliders: Sliders): Parting {
  const found: Parting = { unknown: null, other: null };
  if (isOwn(trace, sliders)) return found;
  const why = obstacle(trace);
  if (why) return { ...found, unknown: { at: 0, why } };
  for (let at = 0; at < path.length; at++) {
    const token = trace.tokens[path[at]];
    const { id, unknown } = hitAgain(trace, token, numberAt(dice, at), sliders);
    if (id === undefined) found.unknown ??= { at, why: unknown };
    else if (id !== token.id) return { ...found, other: { at, id } };
  }
  return found;
}

/** Whether the sliders stand where the run had them: then what was drawn is known. */
export function isOwn(trace: Trace, sliders: Sliders): boolean {
  const own = (name: keyof Sliders, neutral: number) => (numberOf(trace, name) ?? neutral) === sliders[name];
  if (sliders.temperature === 0 && numberOf(trace, "temperature") === 0) return true; // truncation has no effect
  return own("temperature", 1) && own("top_k", 0) && own("top_p", 1) && own("min_p", 0);
}

function hitAgain(trace: Trace, token: Token, u: number, sliders: Sliders): Hit {
  const row = trace.rows[token.row];
  const masked = maskOf(row, numberOf(trace, "temperature") ?? 1);
  if (typeof masked === "string") return { unknown: masked };
  const found = hit(row, trace.temperatures, u, sliders, masked);
  const sure = found.id === undefined || found.id === token.id || !valueOf(trace, "constraint");
  return sure ? found : { unknown: "the constraint may refuse the token that the number falls on" };
}

/** Returns which of the top tokens may not come, null if all may; a sentence if other steps changed the row. */
function maskOf(row: Row, temperature: number): boolean[] | string | null {
  let masks = false;
  for (const { step, kind, removed, changed } of row.steps) {
    if (changed > 0) return `${step} changed the row, which the page does not compute`;
    if (kind === "truncation" && !CUT.includes(step)) return `${step} is on, which the page does not compute`;
    if (kind === "constraint" || kind === "penalty") masks ||= removed > 0;
  }
  if (!masks) return null;
  const first = row.tempered.findIndex((share) => share > 0);
  const top = row.logits[first];
  const last = row.logits.at(-1) as number;
  if (top === undefined) return BEYOND;
  if (temperature === 0 || (last - top) / temperature < FAINT)
    return "what the constraint forbids is not told at this temperature";
  return row.tempered.map((share) => share === 0);
}

/**
 * Returns the token that a number hits in a row at the sliders' settings.
 *
 * `masked` says of the top tokens which may not come; then some of the others may not come either.
 */
export function hit(
  row: Row,
  temperatures: readonly number[],
  u: number,
  sliders: Sliders,
  masked: readonly boolean[] | null = null,
): Hit {
  const first = masked ? masked.indexOf(false) : 0;
  if (first < 0) return { unknown: BEYOND };
  if (sliders.temperature === 0) return { id: row.ids[first] };
  if (!reaches(temperatures, sliders.temperature)) {
    return { unknown: "the trace does not reach this temperature" };
  }
  const shares = sharesOf(row, temperatures, sliders, masked);
  const place = fallsOn(shares, byId(row), u);
  return place === null ? { unknown: shares.others > 0 ? BEYOND : CLOSE } : { id: row.ids[place] };
}

/**
 * Returns the place of the token within whose share a number falls, wherever the weight besides may lie;
 * null if that cannot be told. `order` has the places by rising id.
 */
function fallsOn({ weights, sure, besides, off }: Shares, order: Uint16Array, u: number): number | null {
  const goal = u * sure;
  const alone = besides === 0; // then the first share begins at 0 for certain, and the last ends at 1
  let before = 0;
  for (const place of order) {
    if (weights[place] === 0) continue;
    const through = before + weights[place];
    const isFirst = alone && before === 0;
    const isLast = alone && through >= sure * (1 - 1e-12);
    const begins = isFirst ? 0 : before + borderError(before, sure, off) + besides * (1 - u);
    const ends = isLast ? Infinity : through - borderError(through, sure, off) - besides * u;
    if (begins <= goal && goal < ends) return place;
    before = through;
  }
  return null;
}

/** How far the border at `before` of `whole` may be off. */
function borderError(before: number, whole: number, off: number): number {
  return 2 * off * before * Math.max(0, 1 - before / whole) + NEAR * whole;
}

const orders = new WeakMap<Row, Uint16Array>();

/** The places of a row's top tokens by rising id. */
function byId(row: Row): Uint16Array {
  let order = orders.get(row);
  if (!order) {
    const { ids } = row;
    order = Uint16Array.from(ids.keys()).sort((a, b) => ids[a] - ids[b]);
    orders.set(row, order);
  }
  return order;
}
