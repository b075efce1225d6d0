import assert from "node:assert/strict";
import { test } from "node:test";
import { FormError } from "../src/core/form";
import { asTrace, begin, check, grow, Paths, pathsOf, pathTo } from "../src/core/trace";
import { rowOf, traceOf } from "./example";

const whole = traceOf([
  [0, 1],
  [0, 2, 3],
]);
const { vocabulary, rows, tokens, texts, ...head } = whole;

test("a stream's parts come to the whole trace", () => {
  const trace = begin(JSON.parse(JSON.stringify({ ...head, seed: 7, fingerprint: null })));
  grow(trace, { vocabulary, rows });
  for (const token of tokens) grow(trace, { tokens: [token] });
  grow(trace, { texts });
  assert.deepEqual(trace, { ...whole, seed: 7, fingerprint: null });
  assert.deepEqual(check(JSON.stringify(whole)), whole);
  const searched = begin({ ...head, seed: null, vocabulary, rows: [{ ...rows[0], allowed_mass: 0.5 }] });
  assert.deepEqual([searched.seed, searched.rows[0].allowed_mass], [null, 0.5]);
});

test("a part that does not fit leaves the trace as it was", () => {
  const trace = begin(head);
  grow(trace, { vocabulary, rows, tokens: [tokens[0]] });
  const before = JSON.stringify(trace);
  const wrong: [object, RegExp][] = [
    [{ tokens: [tokens[1], { ...tokens[1], parent: 9 }] }, /tokens\[2\]\.parent should be -1 or under 2/],
    [{ tokens: [{ ...tokens[1], row: 4 }] }, /tokens\[1\]\.row should be under 1/],
    [{ tokens: [{ ...tokens[1], id: 77 }] }, /token 77, which is not in the vocabulary/],
    [
      { vocabulary: { 5: { text: "x", bytes: "78" } }, rows: [{ ...rows[0], logits: [1, 2, 3, 4] }] },
      /logits that fall/,
    ],
    [{ rows: [{ ...rows[0], tempered: [2, 0, 0, 0] }] }, /probabilities from 0 to 1/],
    [{ rows: [{ ...rows[0], ids: [1] }] }, /a value for each of its ids/],
    [{ rows: [{ ...rows[0], tails: [] }] }, /a tail for each/],
    [{ rows: [{ ...rows[0], entropy: "1" }] }, /rows\[0\]\.entropy should be a finite number/],
    [{ texts: [{ ...texts[0], tokens: [3] }] }, /path from the prompt/],
    [{ vocabulary: { __proto__x: { text: "", bytes: "" } } }, /should not have the member "__proto__x"/],
    [{ vocabulary: { 5: { text: "", bytes: "0" } } }, /hexadecimal/],
  ];
  for (const [part, said] of wrong)
    assert.throws(
      () => grow(trace, part),
      (error) => error instanceof FormError && said.test(error.message),
    );
  assert.equal(JSON.stringify(trace), before);
});

test("texts are followed as they grow, and a search's are told at its end", () => {
  const trace = begin(head);
  grow(trace, { vocabulary, rows });
  const live = new Paths();
  for (const token of tokens) {
    grow(trace, { tokens: [token] });
    live.follow(trace);
  }
  assert.deepEqual(
    live.paths,
    texts.map((text) => text.tokens),
  );
  assert.deepEqual(pathsOf(trace), live.paths);
  grow(trace, { tokens: [{ ...tokens[0], parent: 0, index: 0 }] }); // goes on from another token: the path is its
  live.follow(trace);
  assert.deepEqual(live.paths[0], [0, 5]);
  assert.deepEqual(pathTo(trace, 4), [2, 3, 4]);
  const { index: _, ...searched } = tokens[0];
  assert.deepEqual(pathsOf({ ...trace, tokens: [searched] }), []);
});

test("what is no trace is refused in one sentence", () => {
  const wrong: [string, RegExp][] = [
    ["", /^it should be JSON$/],
    ["[]", /^it should be an object$/],
    ["{}", /^version is missing$/],
    ['{"version":2}', /version should be one of 1/],
    [JSON.stringify({ ...whole, temperatures: [1, 1] }), /temperatures should rise/],
    [JSON.stringify({ ...whole, temperatures: [0] }), /temperatures should rise/],
    [
      JSON.stringify({ ...whole, params: { "a b": { value: 1, source: "caller" } } }),
      /params should not have the member "a b"/,
    ],
    [
      JSON.stringify({ ...whole, params: { a: { value: 1, source: "x" } } }),
      /params\.a\.source should be one of caller/,
    ],
    [
      `{"version":1,"params":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      /model is missing|params should be an object/,
    ],
    [
      JSON.stringify({
        ...whole,
        rows: [{ ...rowOf([1]), steps: [{ step: "x", kind: "odd", removed: 0, mass: 0, changed: 0 }] }],
      }),
      /rows\[0\]\.steps\[0\]\.kind/,
    ],
  ];
  for (const [json, said] of wrong)
    assert.throws(
      () => check(json),
      (error) => error instanceof FormError && said.test(error.message),
    );
  assert.throws(() => check(new Uint8Array([0xff])), /should be UTF-8/);
  const deep = JSON.parse(`${"[".repeat(40)}1${"]".repeat(40)}`);
  assert.throws(
    () => asTrace({ ...whole, params: { x: { value: deep, source: "caller" } } }),
    /at most 32 deep/,
  );
});

test("a member named __proto__ changes no prototype", () => {
  const trace = check(JSON.stringify(whole).replace('"params":{', '"__proto__":{"seed":5},"params":{'));
  assert.equal(trace.seed, undefined);
  assert.throws(
    () =>
      check(
        JSON.stringify(whole).replace('"params":{', '"params":{"__proto__":{"value":1,"source":"caller"},'),
      ),
    FormError,
  );
});

/** The same numbers at each start. */
function dice(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
}

test("2,000 mutated traces are read or refused, and throw nothing else", () => {
  const json = JSON.stringify(whole);
  const random = dice(1);
  const values = ["null", "-1", "1e999", '"x"', "[]", "{}", "9007199254740993", '"\\ud800"', "true", "0.5"];
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const at = Math.floor(random() * json.length);
    const mutated =
      random() < 0.5
        ? json.slice(0, at) + json.slice(at + Math.ceil(random() * 8))
        : json.replace(/(?<=[:[,])(-?[\d.]+|"[^"]*"|null)/g, (value) =>
            random() < 0.02 ? values[Math.floor(random() * values.length)] : value,
          );
    try {
      const trace = check(mutated);
      for (const path of pathsOf(trace))
        for (const token of path) assert.ok(trace.vocabulary[trace.tokens[token].id]);
    } catch (error) {
      assert.ok(error instanceof FormError, String(error));
      refused++;
    }
  }
  assert.ok(refused > 1000 && refused < 2000, `${refused}`);
});
