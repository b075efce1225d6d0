/**
 * The token that the same random number hits at other settings. What cannot be told for certain is unknown.
 *
 * ponder draws a token as the first by rising id whose cumulative probability exceeds the number, among what
 * truncation kept. A row has the top tokens and the sum of all others, so the answer is known as long as the
 * number falls well within a top token's share, wherever the others of the kept ones may lie.
 */

import { type Lineage, streamOf } from "./lineage";
import { uniform, words, type Words } from "./philox";
import { reaches, type Sliders, tailAt } from "./redraw";
import { lineageOf, type Run } from "./session";
import { numberOf, type Row, type Token, type Trace } from "./trace";

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

const DIGITS = 5e-6; // what six significant digits may be off, of the number
const ARITHMETIC = 1e-5; // what float32 may be off, of a weight
const NEAR = 1e-6; // of the whole
const FAINT = -80; // logarithms of probabilities that float32 may lose
const BEYOND = "what may come goes beyond the tokens that were sent";
const CLOSE = "the number falls too near the border between two tokens";
const CUT = ["top_k", "top_p", "min_p"];
const NEUTRAL: readonly [string, unknown, string][] = [
  ["semantics", "ponder", "semantics"],
  ["order", null, "order"],
  ["dynatemp_range", 0, "dynatemp_range"],
  ["top_p_decay", 1, "top_p_decay"],
  ["real_temperature", 0, "real_temperature"],
];

/** Returns the dice of a run's text; a sentence if they are not known. */
export function diceOfRun(run: Run, text: number): Dice | string {
  if (run.body.continue_final_message)
    return "the answer was begun with a text, whose tokens the page does not know";
  return diceOf(run.trace, lineageOf(run, text), run.branch?.tokens.length);
}

/** Returns the dice of a text of a lineage that began with so many tokens; a sentence if they are not known. */
export function diceOf(trace: Trace, lineage: Lineage = [], start = 0): Dice | string {
  const value = trace.seed ?? numberOf(trace, "seed");
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
  for (const [name, neutral, said] of NEUTRAL) {
    const param = Object.hasOwn(trace.params, name) ? trace.params[name] : undefined;
    if (param && param.value !== neutral) return `${said} is set, which the page does not compute`;
  }
  const decoder = Object.hasOwn(trace.params, "decoder") ? trace.params.decoder?.value : undefined;
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
  return typeof masked === "string" ? { unknown: masked } : hit(row, trace.temperatures, u, sliders, masked);
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
  const { temperature, top_p, top_k, min_p } = sliders;
  const { ids, logits } = row;
  const first = masked ? masked.indexOf(false) : 0;
  if (first < 0) return { unknown: BEYOND };
  if (temperature === 0) return { id: ids[first] };
  if (!reaches(temperatures, temperature)) return { unknown: "the trace does not reach this temperature" };

  const count = logits.length;
  const top = logits[first];
  const last = logits[count - 1];
  const off = (2 * DIGITS * Math.max(Math.abs(top), Math.abs(last))) / temperature + ARITHMETIC; // of a weight, relatively
  const weights = new Float64Array(count); // of those that may come, relative to the largest
  let named = 0;
  let rank = 0;
  for (let i = first; i < count; i++) {
    if (masked?.[i] || (top_k > 0 && rank === top_k)) continue;
    rank++;
    named += weights[i] = Math.exp((logits[i] - top) / temperature);
  }

  // What all others have together, and the most that one of them can have.
  const each = Math.exp((last - top) / temperature) * (1 + off);
  let [least, most] = othersOf(row, temperatures, temperature, top);
  if (top_k > 0) [least, most] = [0, Math.min(most, (top_k - rank) * each)];
  if (masked) least = 0;

  // Tokens that are kept for certain, and the weight of all that may be kept besides.
  const near = 2 * off * top_p * (1 - top_p) + NEAR;
  const surely = top_p < 1 ? (top_p - near) * (named + least) : Infinity;
  const maybe = top_p < 1 ? (top_p + near) * (named + most) : Infinity;
  let besides = 0;
  let sure = 0;
  let ahead = 0;
  let cut = false; // whether all that follows is cut off
  for (let i = first; i < count && !cut; i++) {
    const weight = weights[i];
    if (weight === 0) continue;
    cut = i > first && (ahead >= maybe || weight < min_p * (1 - off));
    if (cut) weights.fill(0, i);
    else if (i === first || (ahead < surely && weight > min_p * (1 + off))) sure += weight;
    else {
      besides += weight;
      weights[i] = 0;
    }
    ahead += weight;
  }
  const others = cut || ahead >= maybe || each < min_p * (1 - off) ? 0 : Math.min(most, maybe - ahead + each);
  besides = (besides + others) * (1 + off);

  // By rising id: the token within whose share the number falls, wherever the weight besides may lie.
  const goal = u * sure;
  const alone = besides === 0; // then the first share begins at 0 for certain, and the last ends at 1
  let before = 0;
  for (const i of byId(row)) {
    const weight = weights[i];
    if (weight === 0) continue;
    const through = before + weight;
    const begins = alone && before === 0 ? 0 : before + error(before, sure, off) + besides * (1 - u);
    const ends =
      alone && through >= sure * (1 - 1e-12) ? Infinity : through - error(through, sure, off) - besides * u;
    if (begins <= goal && goal < ends) return { id: ids[i] };
    before = through;
  }
  return { unknown: others > 0 ? BEYOND : CLOSE };
}

/** How far the border at `before` of `whole` may be off. */
function error(before: number, whole: number, off: number): number {
  return 2 * off * before * Math.max(0, 1 - before / whole) + NEAR * whole;
}

/** Bounds of what all other tokens weigh, relative to the token with the logit `top`. */
function othersOf(
  row: Row,
  temperatures: readonly number[],
  temperature: number,
  top: number,
): [least: number, most: number] {
  const high = tailAt(row.tails, temperatures, temperature);
  if (high === -Infinity) return [0, 0];
  const off = 4 * DIGITS * (Math.abs(high) + Math.abs(top) / temperature) + ARITHMETIC; // lines magnify what digits are off
  const low = leastTail(row, temperatures, temperature, high);
  return [Math.exp(low - top / temperature - off), Math.exp(high - top / temperature + off)];
}

/**
 * Returns a lower bound of the tail's logarithm. It is convex in 1 / T: between two temperatures of the grid it
 * lies above the lines through the two before them and the two behind, and nowhere steeper than the row's last logit.
 */
function leastTail(
  { tails, logits }: Row,
  temperatures: readonly number[],
  temperature: number,
  high: number,
): number {
  const above = temperatures.findIndex((one) => one >= temperature);
  if (temperatures[above] === temperature) return high;
  const inverse = (i: number) => 1 / temperatures[i];
  const at = 1 / temperature;
  const line = (near: number, far: number) => {
    const [one, other] = [tails[near], tails[far]];
    if (typeof one !== "number" || typeof other !== "number") return -Infinity;
    return one + ((other - one) / (inverse(far) - inverse(near))) * (at - inverse(near));
  };
  const cold = tails[above - 1];
  const steepest =
    typeof cold === "number" ? cold - (logits.at(-1) as number) * (inverse(above - 1) - at) : -Infinity;
  return Math.min(high, Math.max(line(above - 1, above - 2), line(above, above + 1), steepest));
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
