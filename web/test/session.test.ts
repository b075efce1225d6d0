import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answered,
  begun,
  branchAt,
  edited,
  grown,
  lineageOf,
  marked,
  siblings,
  tokensOf,
  without,
} from "../src/core/session";
import { grove, layout, living } from "../src/core/tree";
import { changed, redone, started, undone } from "../src/core/undo";
import { runOf, traceOf } from "./example";

const empty = begun({ kind: "completion", prompt: "p" });

test("a branch holds the tokens before it, and draws on with the same random numbers", () => {
  const first = runOf("first", [
    [0, 1, 2],
    [0, 3, 3],
  ]);
  const { branch, origin } = branchAt(first, 1, 2, 1);
  assert.deepEqual(branch, { tokens: [0, 3, 1], lineage: [[0, 1]] });
  assert.deepEqual(origin, { run: "first", text: 1, at: 2, token: 1 });

  const second = runOf(
    "second",
    [
      [2, 2],
      [1, 0],
    ],
    { branch, origin },
  );
  assert.deepEqual(tokensOf(second, 1), [0, 3, 1, 1, 0]);
  assert.deepEqual(lineageOf(second, 0), [[0, 1]]);
  assert.deepEqual(lineageOf(second, 1), [
    [0, 1],
    [3, 1],
  ]);
  // Cut within what it began with: the later branching is forgotten, the earlier one stays.
  assert.deepEqual(branchAt(second, 1, 2).branch, { tokens: [0, 3], lineage: [[0, 1]] });
  assert.deepEqual(branchAt(second, 1, 4).branch, {
    tokens: [0, 3, 1, 1],
    lineage: [
      [0, 1],
      [3, 1],
    ],
  });
});

test("no function changes a session", () => {
  const frozen = Object.freeze(grown(empty, runOf("a", [[0]])));
  Object.freeze(frozen.runs);
  Object.freeze(frozen.marks);
  const starred = marked(frozen, "a", { starred: true });
  assert.deepEqual(starred.marks, { a: { starred: true, note: "" } });
  assert.deepEqual(marked(starred, "a", { starred: false }).marks, {});
  assert.deepEqual(grown(frozen, runOf("b", [[1]])).place, { run: "b", text: 0 });
  assert.deepEqual(edited(frozen, { title: "t" }).title, "t");
  assert.deepEqual(without(starred, "a"), { ...empty, place: null });
});

test("with a run goes what branched off it", () => {
  const from = (run: string) => ({ run, text: 0, at: 1, token: null });
  let session = grown(empty, runOf("a", [[0]]));
  session = grown(session, runOf("b", [[0]], { origin: from("a") }));
  session = grown(session, runOf("c", [[0]], { origin: from("b") }));
  session = marked(grown(session, runOf("d", [[0]])), "c", { note: "n" });
  const left = without({ ...session, place: { run: "c", text: 0 } }, "b");
  assert.deepEqual(
    left.runs.map((run) => run.id),
    ["a", "d"],
  );
  assert.deepEqual([left.marks, left.place], [{}, { run: "a", text: 0 }]);
});

test("siblings are the texts at the nearest branching", () => {
  const origin = { run: "a", text: 0, at: 1, token: 3 };
  let session = grown(
    empty,
    runOf("a", [
      [0, 1],
      [2, 2],
    ]),
  );
  session = grown(
    grown(session, runOf("b", [[0]], { origin })),
    runOf("c", [[1]], { origin: { ...origin, token: 2 } }),
  );
  const names = (run: string) =>
    siblings(session, { run, text: 0 }).map((place) => `${place.run}${place.text}`);
  assert.deepEqual(names("b"), ["a0", "b0", "c0"]);
  assert.deepEqual(names("a"), ["a0", "a1"]);
});

test("an answer goes into the document it answers", () => {
  assert.deepEqual(answered(empty.document, "x"), { kind: "completion", prompt: "px" });
  const chat = { kind: "chat", messages: [{ role: "user", content: "u" }] } as const;
  const once = answered(chat, "x");
  assert.deepEqual(once, { kind: "chat", messages: [...chat.messages, { role: "assistant", content: "x" }] });
  assert.deepEqual(answered(once, "y"), {
    kind: "chat",
    messages: [...chat.messages, { role: "assistant", content: "xy" }],
  });
});

test("undo goes back across generations, and typing is one step", () => {
  let history = started(empty);
  history = changed(history, edited(history.present, { title: "a" }), "typing");
  history = changed(history, edited(history.present, { title: "ab" }), "typing");
  const run = runOf("r", [[0]]);
  history = changed(history, grown(history.present, run));
  assert.equal(undone(history).present.title, "ab");
  assert.equal(undone(undone(history)).present.title, "");
  assert.equal(undone(undone(undone(history))).present, empty);
  assert.equal(redone(redone(undone(undone(history)))).present.runs[0], run);
  assert.equal(redone(history), history);
  assert.equal(changed(history, history.present), history);
  assert.deepEqual(changed(undone(history), empty).future, []);
  for (let i = 0; i < 2000; i++) history = changed(history, edited(history.present, { title: `${i}` }));
  assert.ok(history.past.length <= 500);
});

test("a tree's leaves stand in order, and a branching in the middle of its branches", () => {
  //            0 - 1 -+- 2 - 3
  //                   +- 4 -+- 5
  //            6            +- 7
  const { segments, of, width, height } = layout([-1, 0, 1, 2, 1, 4, -1, 4]);
  assert.deepEqual(
    segments.map(({ nodes, x, y, parent }) => [nodes, x, y, parent]),
    [
      [[0, 1], 0, 0.75, -1],
      [[2, 3], 2, 0, 0],
      [[4], 2, 1.5, 0],
      [[5], 3, 1, 2],
      [[7], 3, 2, 2],
      [[6], 0, 3, -1],
    ],
  );
  assert.deepEqual([of, width, height], [[0, 0, 1, 1, 2, 3, 5, 4], 4, 4]);
  assert.deepEqual(layout([]), { segments: [], of: [], width: 0, height: 0 });
});

test("100,000 tokens in a row are laid out without recursion", () => {
  assert.equal(layout(Array.from({ length: 100_000 }, (_, i) => i - 1)).segments.length, 1);
  const comb = Array.from({ length: 40_000 }, (_, i) => (i % 2 ? i - 1 : i - 2)).map((parent) =>
    Math.max(parent, -1),
  );
  assert.equal(layout(comb).height, 20_000);
});

test("a search's tokens that lead to no text are pruned", () => {
  const trace = traceOf([[0, 1]]);
  trace.tokens.push({ ...trace.tokens[1], id: 2 });
  assert.deepEqual(living(trace), [true, true, false]);
});

test("the texts of a session are one tree: what they share is there once", () => {
  const first = runOf("first", [[0, 1, 2]]);
  const { branch, origin } = branchAt(first, 0, 1, 3);
  let session = grown(grown(empty, first), runOf("second", [[2]], { branch, origin }));
  session = grown(session, runOf("other", [[0]], { document: { kind: "completion", prompt: "else" } }));
  const nodes = grove(session, first);
  assert.deepEqual(
    nodes.map(({ parent, id, run, token }) => [parent, id, run, token]),
    [
      [-1, 0, "first", 0],
      [0, 1, "first", 1],
      [1, 2, "first", 2],
      [0, 3, "second", -1],
      [3, 2, "second", 0],
    ],
  );
  assert.deepEqual(
    nodes.flatMap((node) => node.ends),
    [
      { run: "first", text: 0 },
      { run: "second", text: 0 },
    ],
  );
  assert.equal(layout(nodes.map((node) => node.parent)).height, 2);

  // An answer that a person began is in the tree of its conversation.
  const user = { role: "user", content: "u" } as const;
  const asked = runOf("asked", [[0]], { document: { kind: "chat", messages: [user] } });
  const begun = runOf("begun", [[1]], {
    document: { kind: "chat", messages: [user, { role: "assistant", content: "d" }] },
    branch: { tokens: [3], lineage: [] },
  });
  assert.equal(grove(grown(grown(empty, asked), begun), asked).length, 3);
});
