import assert from "node:assert/strict";
import { test } from "node:test";
import { redraw, type Sliders } from "../src/core/redraw";
import type { Row } from "../src/core/trace";
import { fixture } from "./fixture";

interface Redraws {
  temperatures: number[];
  rows: Row[];
  redrawn: { temperature: number; probs: number[]; tail: number; nuclei: Record<string, number> }[][];
}

const { temperatures, rows, redrawn } = fixture<Redraws>("redraw");
const OFF: Sliders = { temperature: 1, top_k: 0, top_p: 1, min_p: 0 };

test("probabilities, tail and nuclei are those of ponder.traces.redraw", () => {
  rows.forEach((row, i) => {
    for (const { temperature, probs, tail, nuclei } of redrawn[i]) {
      for (const [p, count] of Object.entries(nuclei)) {
        const ours = redraw(row, temperatures, { ...OFF, temperature, top_p: Number(p) });
        assert.ok(Math.abs(ours.tail - tail) < 1e-12);
        probs.forEach((prob, k) => assert.ok(Math.abs(ours.probs[k] - prob) < 1e-12));
        assert.equal(ours.kept, count);
        const named = probs.reduce((sum, prob) => sum + prob, 0);
        assert.equal(ours.beyond, named < Number(p));
      }
    }
  });
});

/** Row of the given probabilities at temperature 1, and the same tail at each temperature. */
function rowOf(probs: number[], tail: number): Row {
  const logits = probs.map(Math.log);
  const tails = temperatures.map((one) => (tail ? Math.log(tail) / one : null));
  const none = { entropy: 0, kept: 1, kept_mass: 1, tempered: probs, truncated: probs, steps: [] };
  return { ...none, ids: probs.map((_, i) => i), logits, tails };
}

test("top-k, top-p and min-p apply in this order, each to what is left", () => {
  const row = rowOf([0.4, 0.3, 0.2, 0.1], 0);
  const kept = (sliders: Partial<Sliders>) => redraw(row, temperatures, { ...OFF, ...sliders }).kept;
  assert.equal(kept({}), 4);
  assert.equal(kept({ top_k: 2 }), 2);
  assert.equal(kept({ top_p: 0.6 }), 2);
  assert.equal(kept({ top_k: 2, top_p: 0.5 }), 1); // 0.4 of 0.7 is over a half
  assert.equal(kept({ top_p: 0.5 }), 2);
  assert.equal(kept({ min_p: 0.5 }), 3); // 0.2 is half of the largest
  assert.equal(kept({ min_p: 0.51 }), 2);
  assert.equal(kept({ temperature: 0 }), 1);
});

test("a nucleus that may go on beyond the top says so", () => {
  const row = rowOf([0.4, 0.3], 0.3);
  const at = (sliders: Partial<Sliders>) => redraw(row, temperatures, { ...OFF, ...sliders });
  assert.deepEqual([at({}).kept, at({}).beyond], [2, true]);
  assert.deepEqual([at({ top_p: 0.7 }).kept, at({ top_p: 0.7 }).beyond], [2, false]);
  assert.deepEqual([at({ top_p: 0.71 }).kept, at({ top_p: 0.71 }).beyond], [2, true]);
  assert.deepEqual([at({ top_k: 2 }).kept, at({ top_k: 2 }).beyond], [2, false]);
  assert.deepEqual([at({ top_k: 3 }).kept, at({ top_k: 3 }).beyond], [2, true]);
  assert.equal(at({ min_p: 0.8 }).beyond, false);
  // Of the three that top-k leaves, only bounds of the third are known: 0.4 may be over a half of them, or not.
  assert.deepEqual([at({ top_k: 3, top_p: 0.5 }).kept, at({ top_k: 3, top_p: 0.5 }).beyond], [1, true]);
});

test("a temperature that the trace does not reach is refused", () => {
  assert.throws(() => redraw(rows[0], temperatures, { ...OFF, temperature: 2.1 }), RangeError);
  assert.throws(() => redraw(rows[0], temperatures, { ...OFF, temperature: Number.NaN }), RangeError);
});
