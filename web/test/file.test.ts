import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { messagesFile, opened, sessionFile, textsOf, traceFile } from "../src/core/file";
import { FormError } from "../src/core/form";
import { begun, branchAt, grown, marked, type Session } from "../src/core/session";
import * as share from "../src/core/share";
import { check } from "../src/core/trace";
import { runOf, traceOf } from "./example";

const first = runOf("first", [
  [0, 1],
  [2, 3],
]);
const { branch, origin } = branchAt(first, 1, 1, 0);
const second = runOf("second", [[1]], {
  branch,
  origin,
  usage: { prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0 },
});
const session = marked(
  grown(grown(begun({ kind: "completion", prompt: "p" }, { temperature: 0.5 }), first), second),
  "second",
  { starred: true },
);

/** A session with its identifiers by their places. */
function plain(one: Session): unknown {
  const names = new Map(one.runs.map(({ id }, i) => [id, `run ${i}`]));
  return JSON.parse(
    JSON.stringify({ ...one, id: "" }, (_, value) => names.get(value) ?? value).replace(
      /"[0-9a-f-]{36}":|"second":/,
      '"second":',
    ),
  );
}

test("a session that is written and read is equal, under new identifiers", () => {
  const read = opened(sessionFile(session));
  assert.notEqual(read.id, session.id);
  assert.deepEqual(plain(read), plain(session));
  assert.deepEqual(Object.values(read.marks), [{ starred: true, note: "" }]);
});

test("a trace's file is a trace, also of an answer that was stopped", () => {
  const stopped = traceOf([[0, 1]], undefined, { texts: [], seed: 7, fingerprint: "f" });
  stopped.tokens[1].logprob = -Infinity;
  const read = check(traceFile(runOf("r", [], { trace: stopped })));
  assert.deepEqual(read.texts, [
    { text: "ab", tokens: [0, 1], finish_reason: "until", logprob: -1e9 - 1, score: -1e9 - 1 },
  ]);
  assert.ok(!("seed" in read) && !("fingerprint" in read) && read.tokens[0].index === undefined);
  assert.deepEqual(textsOf(first.trace), first.trace.texts);
});

test("a trace from elsewhere opens as a session with one run", () => {
  const { runs, document, place } = opened(JSON.stringify(traceOf([[0]])));
  assert.deepEqual([runs.length, document, place?.text], [1, { kind: "completion", prompt: "p" }, 0]);
});

test("messages are what any client takes", () => {
  const asked = { kind: "chat", messages: [{ role: "user", content: "u" }] } as const;
  assert.deepEqual(JSON.parse(messagesFile(asked, "a")), [
    { role: "user", content: "u" },
    { role: "assistant", content: "a" },
  ]);
});

test("what is no session is refused in one sentence", () => {
  const json = (change: object) =>
    JSON.stringify({ format: "ponder-session", version: 1, session: { ...session, ...change } });
  const wrong: [string, RegExp][] = [
    ['{"format":"x"}', /format should be ponder-session, or a trace/],
    ['{"format":"ponder-session","version":2}', /version should be 1/],
    [json({ runs: [first, first] }), /runs\[1\]\.id should be another/],
    [json({ runs: [second] }), /runs\[0\]\.origin should be in a run before it/],
    [json({ place: { run: "none", text: 0 } }), /place should be a text of a run/],
    [json({ settings: { "<b>": 1 } }), /settings should not have the member "<b>"/],
    [
      json({ document: { kind: "chat", messages: [{ role: "root", content: "" }] } }),
      /messages\[0\]\.role should be one of system/,
    ],
    [json({ id: "../x" }), /id should be letters/],
    [json({ runs: [{ ...first, branch: { tokens: [], lineage: [[1]] } }] }), /lineage\[0\] should be a pair/],
  ];
  for (const [text, said] of wrong)
    assert.throws(
      () => opened(text),
      (error) => error instanceof FormError && said.test(error.message),
      text.slice(0, 80),
    );
});

test("2,000 mutated sessions are read or refused, and throw nothing else", () => {
  const json = sessionFile(session);
  let state = 3;
  const random = () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  const values = ["null", "-1", "1e999", '"x"', "[]", "{}", '"__proto__"', "true", "0.5"];
  for (let i = 0; i < 2000; i++) {
    const share = random() * 0.03;
    const mutated = json.replace(/(?<=[:[,])(-?[\d.]+|"[^"]*"|null)(?!:)/g, (value) =>
      random() < share ? values[Math.floor(random() * values.length)] : value,
    );
    try {
      opened(mutated);
    } catch (error) {
      assert.ok(error instanceof FormError, String(error));
    }
  }
  assert.equal(({} as { starred?: boolean }).starred, undefined);
});

const shared = {
  version: 1,
  document: { kind: "completion", prompt: "Why is the sky blue? é🙂\u0000" },
  settings: { top_p: 0.9 },
  seed: 5,
  fingerprint: "ab",
} as const;

test("a link that is opened has what was put into it", async () => {
  const link = await share.fragment(shared);
  assert.match(link ?? "", /^#s=[\w-]+$/);
  assert.deepEqual(await share.opened(link ?? ""), shared);
  assert.equal(await share.opened("#other"), null);
});

test("what is too long for a link is offered as a file", async () => {
  const prompt = Array.from({ length: 9000 }, (_, i) => Math.imul(i, 2654435761).toString(36)).join("");
  assert.equal(await share.fragment({ ...shared, document: { kind: "completion", prompt } }), null);
  assert.ok(
    await share.fragment({ ...shared, document: { kind: "completion", prompt: "x".repeat(100_000) } }),
  );
});

test("a damaged, hostile or swollen link is refused in one sentence", async () => {
  const link = (await share.fragment(shared)) ?? "";
  const refused = (hash: string) =>
    assert.rejects(
      share.opened(hash),
      (error) => error instanceof FormError && error.message.startsWith("the link"),
    );
  for (let i = 4; i < link.length; i += 3)
    await share
      .opened(link.slice(0, i) + "A" + link.slice(i + 1))
      .catch((error) => assert.ok(error instanceof FormError));
  for (let i = 3; i < link.length - 2; i += 7) await refused(link.slice(0, i));
  await refused("#s=%%%");
  await refused(`#s=${"A".repeat(20_000)}`);
  const bomb = `#s=${deflateRawSync(JSON.stringify({ ...shared, document: { kind: "completion", prompt: "x".repeat(9_000_000) } })).toString("base64url")}`;
  assert.ok(bomb.length < share.MAX_LINK);
  await refused(bomb);
  const odd = (await share.fragment({ ...shared, settings: { "a b": 1 } })) ?? "";
  await assert.rejects(share.opened(odd), /^FormError|the link's settings should not have the member "a b"/);
});
