import assert from "node:assert/strict";
import { test } from "node:test";
import { branched, cutTo, type Lineage, streamOf } from "../src/core/lineage";
import { uniform, words, type Words } from "../src/core/philox";
import { fixture } from "./fixture";

interface Numbers {
  lineages: { lineage: Lineage; stream: string }[];
  uniforms: { seed: number; stream: string; position: number; number: number }[];
}

const numbers = fixture<Numbers>("numbers");
const whole = ([low, high]: Words) => (BigInt(high) << 32n) | BigInt(low);
const split = (value: string): Words => [Number(BigInt(value) & 0xffffffffn), Number(BigInt(value) >> 32n)];

test("a lineage has ponder's stream", () => {
  for (const { lineage, stream } of numbers.lineages)
    assert.equal(whole(streamOf(lineage)).toString(), stream);
});

test("random numbers are ponder's to the bit", () => {
  for (const { seed, stream, position, number } of numbers.uniforms) {
    assert.equal(uniform(words(seed) as Words, split(stream), position), number);
  }
});

test("a seed that JavaScript cannot hold has no words", () => {
  assert.equal(words(2 ** 53), null);
  assert.equal(words(-1), null);
  assert.equal(words(0.5), null);
  assert.deepEqual(words(2 ** 32 + 5), [5, 1]);
});

test("branch 0 keeps its parent's random numbers, and a cut forgets later branches", () => {
  const lineage = branched([[0, 2]], 7, 1);
  assert.deepEqual(branched(lineage, 9, 0), lineage);
  assert.deepEqual(cutTo(lineage, 6), [[0, 2]]);
  assert.deepEqual(cutTo(lineage, 7), lineage);
});
