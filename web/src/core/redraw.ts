/** A row's raw distribution at other settings, from what a trace keeps of it. No call to the server. */

import type { Row } from "./trace";

/** What the sliders are set to: temperature, top-k (0: off), top-p (1: off), min-p (0: off). */
export interface Sliders {
  temperature: number;
  top_k: number;
  top_p: number;
  min_p: number;
}

/** Probabilities of a row's top tokens, and what all others have together. */
export interface Redrawn {
  /** Of the top tokens, before truncation. */
  probs: Float64Array;
  tail: number;
  /** How many tokens truncation keeps; where `beyond`, at least so many. */
  kept: number;
  /** Whether it may keep tokens that the row does not name. */
  beyond: boolean;
  /** What the kept ones of the top hold of the whole. */
  mass: number;
}

/** Whether a trace tells what is at a temperature. */
export function reaches(temperatures: readonly number[], temperature: number): boolean {
  return (
    temperature === 0 || (temperature >= temperatures[0] && temperature <= (temperatures.at(-1) as number))
  );
}

/**
 * Returns a row at the sliders' settings, without penalties and constraint: temperature, top-k, top-p and min-p.
 * The same numbers as `ponder.traces.redraw`. `into` is memory for the probabilities.
 * Throws RangeError for a temperature that the trace does not reach.
 */
export function redraw(
  row: Row,
  temperatures: readonly number[],
  sliders: Sliders,
  into?: Float64Array,
): Redrawn {
  const { logits } = row;
  const count = logits.length;
  const probs = into?.length === count ? into : new Float64Array(count);
  const { temperature } = sliders;
  if (!reaches(temperatures, temperature))
    throw new RangeError(`temperature should be one that the trace has, not ${temperature}`);
  if (temperature === 0) {
    probs.fill(0);
    probs[0] = 1;
    return { probs, tail: 0, kept: 1, beyond: false, mass: 1 };
  }
  const rest = tailAt(row.tails, temperatures, temperature);
  const largest = Math.max(logits[0] / temperature, rest);
  const others = Math.exp(rest - largest);
  let total = others;
  for (let i = 0; i < count; i++) total += probs[i] = Math.exp(logits[i] / temperature - largest);
  for (let i = 0; i < count; i++) probs[i] = probs[i] / total;
  return { probs, tail: others / total, ...truncate(probs, others / total, sliders) };
}

/** The logarithm of the sum over all other tokens at a temperature within the grid; -Infinity where there is none. */
export function tailAt(
  tails: readonly (number | null)[],
  temperatures: readonly number[],
  temperature: number,
): number {
  let above = 0;
  while (temperatures[above] < temperature) above++;
  const high = tails[above];
  if (high === null) return -Infinity;
  if (temperatures[above] === temperature) return high;
  const low = tails[above - 1];
  if (low === null) return -Infinity;
  const start = 1 / temperatures[above - 1];
  const end = 1 / temperatures[above];
  return low + ((1 / temperature - start) / (end - start)) * (high - low);
}

function truncate(
  probs: Float64Array,
  tail: number,
  { top_k, top_p, min_p }: Sliders,
): Pick<Redrawn, "kept" | "beyond" | "mass"> {
  const count = probs.length;
  let kept = count;
  let beyond = tail > 0;
  if (top_k > 0 && top_k <= count) {
    kept = top_k;
    beyond = false;
  }
  if (top_p < 1) {
    // Top-p looks at what top-k left, of which only bounds are known where that goes beyond the top.
    const named = sum(probs, kept);
    const most = nucleus(probs, kept, top_p * (beyond ? 1 : named));
    kept = beyond && top_k > 0 ? nucleus(probs, kept, top_p * named) : most;
    beyond &&= kept < most || (most === count && named < top_p);
  }
  if (min_p > 0) {
    const least = min_p * probs[0];
    while (kept > 1 && probs[kept - 1] < least) {
      kept--;
      beyond = false;
    }
  }
  return { kept, beyond, mass: sum(probs, kept) };
}

/** How many of the first `count` of falling probabilities have less than `p` ahead of them. */
function nucleus(probs: Float64Array, count: number, p: number): number {
  let ahead = 0;
  for (let i = 0; i < count; i++) {
    if (ahead >= p) return i;
    ahead += probs[i];
  }
  return count;
}

function sum(probs: Float64Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += probs[i];
  return total;
}
