/**
 * What the tokens of a row weigh at other settings, and how far that may be off: bounds that hold whatever the
 * tokens are that the row does not name.
 */

import { type Sliders, tailAt } from "./redraw";
import type { Row } from "./trace";

export const NEAR = 1e-6; // what sums may be off, of the whole
const DIGITS = 5e-6; // what six significant digits may be off, of the number
const ARITHMETIC = 1e-5; // what float32 may be off, of a weight

/** Weights of what truncation keeps, relative to the likeliest token that may come. */
export interface Shares {
  /** Of the top tokens; 0 for those that are not kept for certain. */
  weights: Float64Array;
  /** Their sum. */
  sure: number;
  /** The most that all may weigh that is kept besides. */
  besides: number;
  /** How much of that are tokens that the row does not name. */
  others: number;
  /** How far a weight may be off, of itself. */
  off: number;
}

/** Bounds of what all tokens weigh that a row does not name, and the most that one of them can. */
interface Others {
  least: number;
  most: number;
  each: number;
}

/**
 * Returns what is kept of a row: top-k, then top-p, then min-p, each of what the one before left.
 *
 * Parameters
 * ----------
 * sliders : with a temperature over 0 that the trace reaches.
 * masked : which of the top tokens may not come, at most all but one; null: all may.
 */
export function sharesOf(
  row: Row,
  temperatures: readonly number[],
  sliders: Sliders,
  masked: readonly boolean[] | null,
): Shares {
  const { temperature, top_k } = sliders;
  const top = row.logits[masked ? masked.indexOf(false) : 0];
  const last = row.logits[row.logits.length - 1];
  const off = (2 * DIGITS * Math.max(Math.abs(top), Math.abs(last))) / temperature + ARITHMETIC;
  const weights = new Float64Array(row.logits.length);
  let count = 0;
  for (let i = 0; i < weights.length && (top_k === 0 || count < top_k); i++) {
    if (masked?.[i]) continue;
    weights[i] = Math.exp((row.logits[i] - top) / temperature);
    count++;
  }
  const others = othersOf(row, temperatures, temperature, top);
  others.each = Math.exp((last - top) / temperature) * (1 + off);
  if (masked || top_k > 0) others.least = 0;
  if (top_k > 0) others.most = Math.min(others.most, (top_k - count) * others.each);
  return truncated(weights, others, sliders, off);
}

/** Keeps of falling weights what top-p and min-p keep for certain, and adds up what they may keep besides. */
function truncated(weights: Float64Array, unnamed: Others, { top_p, min_p }: Sliders, off: number): Shares {
  const named = weights.reduce((sum, weight) => sum + weight, 0);
  const near = 2 * off * top_p * (1 - top_p) + NEAR;
  const surely = top_p < 1 ? (top_p - near) * (named + unnamed.least) : Infinity; // less ahead: kept for certain
  const maybe = top_p < 1 ? (top_p + near) * (named + unnamed.most) : Infinity; // more ahead: cut for certain
  const faint = min_p * (1 - off);
  let [sure, besides, ahead, cut] = [0, 0, 0, false];
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i];
    cut ||= ahead > 0 && (ahead >= maybe || (weight > 0 && weight < faint));
    const kept = !cut && (ahead === 0 || (ahead < surely && weight > min_p * (1 + off)));
    if (kept) sure += weight;
    else weights[i] = 0;
    if (!kept && !cut) besides += weight;
    ahead += weight;
  }
  const none = cut || ahead >= maybe || unnamed.each < faint;
  const others = none ? 0 : Math.min(unnamed.most, maybe - ahead + unnamed.each);
  return { weights, sure, besides: (besides + others) * (1 + off), others, off };
}

/** Returns what all other tokens weigh at a temperature, relative to a token with the logit `top`. */
function othersOf(row: Row, temperatures: readonly number[], temperature: number, top: number): Others {
  const high = tailAt(row.tails, temperatures, temperature);
  if (high === -Infinity) return { least: 0, most: 0, each: 0 };
  const low = leastTail(row, temperatures, temperature, high);
  const off = 4 * DIGITS * (Math.abs(high) + Math.abs(top) / temperature) + ARITHMETIC; // lines magnify it
  const weight = (tail: number) => Math.exp(tail - top / temperature);
  return { least: weight(low - off), most: weight(high + off), each: 0 };
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
