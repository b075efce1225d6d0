import assert from "node:assert/strict";
import { test } from "node:test";
import { common, differing, distinct2, divergence, meanEntropy } from "../src/core/compare";
import type { Trace } from "../src/core/trace";
import { rowOf, runOf, traceOf } from "./example";

test("numbers of a text", () => {
  assert.equal(common([1, 2, 3], [1, 2, 4]), 2);
  assert.equal(distinct2([1, 2, 1, 2, 1]), 0.5);
  assert.equal(distinct2([1]), null);
  assert.ok(Math.abs((meanEntropy(traceOf([[0, 1]]), [0, 1]) ?? 0) - Math.log(4)) < 1e-12);
  assert.equal(meanEntropy(traceOf([[]]), []), null);
});

const side = (ids: number[], change: Partial<Trace> = {}) => ({
  run: runOf("r", [], { trace: traceOf([ids], undefined, change) }),
  text: 0,
});
const param = (name: string, value: unknown) => ({
  params: { seed: { value: 7, source: "caller" as const }, [name]: { value, source: "caller" as const } },
});

test("the same texts do not part", () => assert.equal(divergence(side([0, 1]), side([0, 1])), null));

test("where two texts part, the reason is said", () => {
  const why = (...sides: [ReturnType<typeof side>, ReturnType<typeof side>]) =>
    divergence(...sides)?.reason ?? "";
  const one = side([0, 1], param("temperature", 1));
  assert.match(why(one, side([0, 2], { model: "n" })), /the models differ: m and n/);
  const elsewhere = {
    run: { ...side([0, 2]).run, document: { kind: "completion", prompt: "q" } as const },
    text: 0,
  };
  assert.match(why(one, elsewhere), /the prompts differ/);
  assert.match(why(one, side([0], param("temperature", 1))), /the second text ends here/);
  assert.match(why(one, side([0, 2], param("seed", 8))), /other random numbers were drawn/);
  const warm = side([0, 2], { ...param("temperature", 2), rows: [rowOf([0.4, 0.3, 0.2, 0.1])] });
  assert.equal(
    why(one, warm),
    "the probability of “b” was 0.25 in the first and 0.30 in the second, because of temperature 1 and 2; the same random number fell on “c”",
  );
  const cut = {
    ...rowOf([0.4, 0.3, 0.2, 0.1]),
    truncated: [0.5, 0, 0.5, 0],
    steps: [{ step: "top_p", kind: "truncation" as const, removed: 2, mass: 0.1, changed: 0 }],
  };
  assert.match(
    why(one, side([0, 2], { ...param("top_p", 0.5), rows: [cut] })),
    /was 0.25 in the first and 0.00 in the second, because top-p cut it off/,
  );
  assert.match(why(side([0, 1]), side([0, 2])), /no setting differs/);
  const greedy = [side([0, 1], param("temperature", 0)), side([0, 2], param("temperature", 0))] as const;
  assert.match(why(...greedy), /no setting differs; the second took “c”/);
  const { at, ids, rows } = divergence(one, warm)!;
  assert.deepEqual([at, ids, rows.map((row) => row?.truncated[1])], [1, [1, 2], [0.25, 0.3]]);
});

test("a token that a text began with has no row of its own", () => {
  const branched = { run: runOf("b", [[1]], { branch: { tokens: [3], lineage: [] } }), text: 0 };
  assert.equal(divergence(side([0, 1]), branched)?.reason, "a text was begun with this token");
});

test("parameters that differ are named with their values, escapes included", () => {
  const [one, other] = [
    traceOf([[0]], undefined, param("stop", ["\u202e"])),
    traceOf([[0]], undefined, param("top_k", 4)),
  ];
  assert.equal(differing(one, other), 'stop ["\\u{202e}"] and unset, top_k unset and 4');
});
