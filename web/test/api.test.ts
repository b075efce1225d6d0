import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import * as api from "../src/core/api";

let asked: { path: string; init: RequestInit }[] = [];
const real = globalThis.fetch;

/** Answers calls with this response, or fails with this error. */
function answering(answer: () => Response): void {
  globalThis.fetch = async (path, init) => {
    asked.push({ path: String(path), init: init ?? {} });
    return answer();
  };
}

beforeEach(() => {
  asked = [];
  const held = new Map<string, string>();
  const sessionStorage = {
    getItem: (name: string) => held.get(name) ?? null,
    setItem: (name: string, value: string) => held.set(name, value),
    removeItem: (name: string) => held.delete(name),
  };
  Object.assign(globalThis, { sessionStorage });
});
afterEach(() => void (globalThis.fetch = real));

test("addresses are relative, and the key goes with each call once it is known", async () => {
  answering(() => Response.json({ tokens: [1, 2] }));
  assert.deepEqual(await api.tokenize("x"), [1, 2]);
  api.key.set("secret");
  await api.info();
  assert.deepEqual(
    asked.map(({ path, init }) => [
      path,
      init.method,
      (init.headers as Record<string, string>).Authorization,
    ]),
    [
      ["tokenize", "POST", undefined],
      ["ponder/v1/info", "GET", "Bearer secret"],
    ],
  );
  api.key.set(null);
  assert.equal(api.key.get(), null);
});

test("whatever goes wrong is one sentence, with its status", async () => {
  const failure = async (answer: () => Response) => {
    answering(answer);
    const error = await api.call("x", {}).catch((error: unknown) => error);
    assert.ok(error instanceof api.ApiError);
    return [error.message, error.status, error.param];
  };
  assert.deepEqual(
    await failure(() =>
      Response.json({ error: { message: "top_p is too large", param: "top_p" } }, { status: 400 }),
    ),
    ["top_p is too large", 400, "top_p"],
  );
  assert.deepEqual(await failure(() => new Response("<html>", { status: 502 })), [
    "the server answered 502",
    502,
    null,
  ]);
  assert.deepEqual(await failure(() => Response.json(null, { status: 500 })), [
    "the server answered 500",
    500,
    null,
  ]);
  assert.deepEqual(await failure(() => new Response("{")), ["the server's answer is not JSON", 200, null]);
  assert.deepEqual(
    await failure(() => {
      throw new TypeError("failed to fetch");
    }),
    ["the server cannot be reached", 0, null],
  );
});

test("a stream's objects come, and its error is one sentence", async () => {
  answering(() => new Response('data: {"a":1}\n\ndata: {"error":{"message":"gone"}}\n\n'));
  const found: unknown[] = [];
  const read = async () => {
    for await (const one of api.answer({ kind: "completion", prompt: "p" }, {})) found.push(one);
  };
  await assert.rejects(read(), (error) => error instanceof api.ApiError && error.message === "gone");
  assert.deepEqual(found, [{ a: 1 }]);
});

test("an abort is no failure, and health tells why a server is not ready", async () => {
  answering(() => {
    throw new DOMException("", "AbortError");
  });
  await assert.rejects(api.call("x", null), (error) => api.isAbort(error));
  answering(() => Response.json({ error: { message: "the model is loading" } }, { status: 503 }));
  assert.deepEqual(await api.health(), { ready: false, why: "the model is loading" });
  answering(() => new Response("{}"));
  assert.deepEqual(await api.health(), { ready: true, why: "" });
});
