import assert from "node:assert/strict";
import { test } from "node:test";
import type { Parameter } from "../src/core/info";
import { endpoint, request } from "../src/core/request";
import { differing, fault, grouped, summary } from "../src/core/settings";

const chat = { kind: "chat", messages: [{ role: "user", content: "Hi" }] } as const;

test("a request has the document, what was set, and what to watch", () => {
  const body = request(chat, { temperature: 0.5, top_k: undefined, seed: null }, null, {
    trace: { top: 20 },
    progress: true,
  });
  assert.deepEqual(body, {
    messages: [{ role: "user", content: "Hi" }],
    temperature: 0.5,
    stream: true,
    return_token_ids: true,
    stream_options: { include_usage: true, include_trace: { top: 20 }, include_progress: true },
  });
  assert.equal(endpoint(chat), "v1/chat/completions");
  assert.equal(endpoint({ kind: "completion", prompt: "" }), "v1/completions");
});

test("a branch has its tokens and where it branched off", () => {
  const prompt = { kind: "completion", prompt: "p" } as const;
  const { prefix_token_ids, lineage } = request(prompt, {}, { tokens: [5, 6], lineage: [[0, 2]] });
  assert.deepEqual([prefix_token_ids, lineage], [[5, 6], [[0, 2]]]);
  const none = request(prompt, {}, { tokens: [], lineage: [] });
  assert.ok(!("prefix_token_ids" in none) && !("lineage" in none));
});

test("an answer that was begun is gone on with", () => {
  const begun = {
    kind: "chat",
    messages: [...chat.messages, { role: "assistant", content: "Hel" }],
  } as const;
  assert.equal(request(begun, {}).continue_final_message, true);
  // A branch has the message's tokens, and random numbers go on from them.
  const branch = request(begun, {}, { tokens: [1], lineage: [] });
  assert.deepEqual(
    [branch.messages, branch.prefix_token_ids, branch.continue_final_message],
    [chat.messages, [1], undefined],
  );
});

const parameter = (name: string, change: Partial<Parameter> = {}): Parameter => ({
  name,
  type: "number",
  group: "request",
  min: null,
  max: null,
  over: false,
  under: false,
  choices: null,
  neutral: null,
  default: null,
  source: "default",
  help: "",
  needs: [],
  excludes: [],
  ...change,
});
const parameters = [
  parameter("temperature", { min: 0, default: 1 }),
  parameter("top_p", { min: 0, over: true, max: 1, default: 1, neutral: 1, excludes: ["mirostat"] }),
  parameter("top_k", { type: "integer", min: 0, default: 0, neutral: 0, group: "truncation" }),
  parameter("length_penalty", { needs: ["num_beams"] }),
  parameter("semantics", { type: "string", choices: ["ponder", "hf"], default: "ponder" }),
  parameter("stop", { type: ["string", "array"], default: [] }),
];

test("what differs from the defaults is told in one line", () => {
  const settings = { stop: [], top_p: 0.9, temperature: 1, top_k: undefined, unheard_of: "x" };
  assert.deepEqual(differing(settings, parameters), { top_p: 0.9, unheard_of: "x" });
  assert.equal(summary(settings, parameters), "top p 0.9, unheard of x");
  assert.equal(summary({}, parameters), "all as the server has it");
  assert.ok(summary({ stop: ["y".repeat(500)] }, parameters).length < 60);
});

test("a fault is one sentence that names the parameter and what is allowed", () => {
  const of = (name: string, value: unknown, settings = {}) =>
    fault(parameters.find((one) => one.name === name)!, value, settings);
  assert.equal(of("temperature", -1), "temperature should be at least 0");
  assert.equal(of("temperature", Number.NaN), "temperature should be a finite number");
  assert.equal(of("temperature", "1"), "temperature should be a number");
  assert.equal(of("top_p", 0), "top_p should be over 0");
  assert.equal(of("top_p", 1.5), "top_p should be at most 1");
  assert.equal(of("top_p", 0.5, { mirostat: 2 }), "top_p cannot be set together with mirostat");
  assert.equal(of("top_p", 1, { mirostat: 2 }), null);
  assert.equal(of("top_k", 1.5), "top_k should be a whole number");
  assert.equal(of("length_penalty", 1), "length_penalty is set only together with num_beams");
  assert.equal(of("length_penalty", 1, { num_beams: 4 }), null);
  assert.equal(of("semantics", "x"), "semantics should be one of ponder, hf");
  assert.equal(of("stop", ["a"]), null);
  assert.equal(of("stop", null), null);
});

test("parameters stand in their groups, in the server's order", () => {
  assert.deepEqual(
    [...grouped({ parameters })].map(([group, of]) => [group, of.length]),
    [
      ["request", 5],
      ["truncation", 1],
    ],
  );
});
