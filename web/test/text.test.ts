import assert from "node:assert/strict";
import { test } from "node:test";
import { isCut, shareOf, step, stepOf } from "../src/core/colour";
import { redraw } from "../src/core/redraw";
import { pieces } from "../src/core/spelling";
import { readable, visible } from "../src/core/visible";
import { GRID, rowOf, traceOf } from "./example";

test("what acts or hides is shown as an escape", () => {
  assert.equal(visible("a\u202eb\u0000\ud800\u2028\u200b"), "a\\u{202e}b\\u{0}\\u{d800}\\u{2028}\\u{200b}");
  assert.equal(visible("\n\t é🙂<img>"), "⏎⇥ é🙂<img>");
  assert.equal(readable("a\n\tb\u202e\u0007"), "a\n\tb\\u{202e}\\u{7}");
  assert.equal(readable("👩\u200d👧 می\u200cخواهم"), "👩\u200d👧 می\u200cخواهم");
});

const trace = traceOf([[0, 1, 2, 3]]);
const spell = (bytes: string[]) =>
  bytes.forEach((one, i) => (trace.vocabulary[i] = { text: "?", bytes: one }));
const texts = (text?: string) =>
  pieces(trace, [0, 1, 2, 3], text).map((piece) => (piece.control ? null : piece.text));

test("pieces are the text to the character, also where a character is cut", () => {
  spell(["c3", "a9f09f", "9982", "21"]); // é🙂!
  assert.deepEqual(texts(), ["", "é", "🙂", "!"]);
  assert.deepEqual(texts("é🙂!"), ["", "é", "🙂", "!"]);
  spell(["61", "c3", "61", "c3"]);
  assert.equal(texts()?.join(""), "a\ufffda\ufffd");
});

test("tokens for the model, stop strings and a first space change no character", () => {
  const hex = (text: string) => Buffer.from(text).toString("hex");
  spell([" Hi", "<think>", " there", "<end>"].map(hex));
  assert.deepEqual(texts("Hi there"), ["Hi", null, " there", null]);
  spell(["Hi", " you", " there", "."].map(hex));
  assert.deepEqual(texts("Hi you th"), ["Hi", " you", " th", null]);
  assert.deepEqual(texts("Hi you there."), ["Hi", " you", " there", "."]);
});

test("six steps, and what is on a border counts as more", () => {
  assert.deepEqual(
    [0, 0.1, 0.5, 1, 2, 3.5, 99].map((one) => stepOf("entropy", one)),
    [0, 1, 2, 3, 4, 5, 5],
  );
  const row = rowOf([0.5, 0.3, 0.2]);
  const token = {
    ...trace.tokens[0],
    id: 0,
    rank: 1,
    logprob: Math.log(0.5),
    truncated_logprob: Math.log(0.5),
  };
  assert.deepEqual(
    (["entropy", "probability", "surprise", "rank", "none"] as const).map((kind) => step(kind, row, token)),
    [3, 3, 2, 0, 0],
  );
});

test("what the sliders do to a token: its share, and whether it is cut off", () => {
  const row = rowOf([0.5, 0.3, 0.2]);
  const at = (id: number) => ({
    ...trace.tokens[0],
    id,
    truncated_logprob: Math.log(row.truncated[id] ?? 0.1),
  });
  const drawn = redraw(row, GRID, { temperature: 1, top_k: 2, top_p: 1, min_p: 0 });
  assert.ok(Math.abs(shareOf(row, at(0), drawn) - 0.625) < 1e-12);
  assert.deepEqual(
    [0, 1, 2, 9].map((id) => isCut(row, at(id), drawn)),
    [false, false, true, true],
  );
  assert.equal(step("changed", row, at(2), drawn), 2);
  assert.equal(step("changed", row, at(2)), 0);
  const open = redraw({ ...row, tails: GRID.map(() => 1) }, GRID, {
    temperature: 1,
    top_k: 0,
    top_p: 1,
    min_p: 0,
  });
  assert.equal(isCut(row, at(9), open), null);
});
