import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { begun, grown, without } from "../src/core/session";
import { Browser, browserPath } from "./browser";
import { runOf } from "./example";

const path = browserPath();
if (!path && process.env.PONDER_REQUIRE_BROWSER === "1")
  throw new Error("PONDER_REQUIRE_BROWSER=1, and there is no browser");
const skip = path ? false : "there is no browser: install chromium, or set PONDER_BROWSER";
const folder = mkdtempSync(join(tmpdir(), "ponder-store-"));
let browser: Browser;

before(async () => {
  if (!path) return;
  // Not by its name: the bundle that this test becomes would hold it, without its native part.
  const { build } = (await import(
    pathToFileURL(createRequire(`${process.cwd()}/`).resolve("rolldown")).href
  )) as typeof import("rolldown");
  await build({ input: "src/core/store.ts", logLevel: "warn", output: { file: join(folder, "store.mjs") } });
  browser = await Browser.start(path, folder);
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens a tab with its own store; returns what runs code there, as the body of an async function of values. */
async function tab() {
  const evaluate = await browser.page();
  const run = (code: string, ...values: unknown[]) =>
    evaluate(
      `(async (...values) => { const { Store, StorageFull, copied } = await import("/store.mjs"); ${code} })(...${JSON.stringify(values)})`,
    );
  await run("globalThis.store = await Store.open()");
  return run;
}

const first = runOf("first", [[0]]);
const session = { ...grown(begun({ kind: "completion", prompt: "p" }), first), id: "s" };
const json = (value: unknown) => JSON.parse(JSON.stringify(value));

test("a session that was saved is loaded by another tab, which is told of it", { skip }, async () => {
  const [one, other] = [await tab(), await tab()];
  await other("globalThis.told = new Promise((resolve) => store.onChange(resolve))");
  await one("await store.save(values[0])", session);
  assert.equal(await other("return told"), "s");
  assert.deepEqual(await other("return store.load('s')"), json(session));
  assert.equal(await other("return store.load('none')"), null);
  const [summary] = (await other("return store.sessions()")) as { id: string; runs: number }[];
  assert.deepEqual([summary.id, summary.runs], ["s", 1]);
});

test("two tabs never write over each other's runs", { skip }, async () => {
  const [one, other] = [await tab(), await tab()];
  await one("await store.load('s')");
  await other("await store.load('s')");
  await one("await store.save(values[0])", grown(session, runOf("second", [[1]])));
  await other("await store.save(values[0])", grown(session, runOf("third", [[2]])));
  const ids = "return (await store.load('s')).runs.map((run) => run.id)";
  assert.deepEqual(await one(ids), ["first", "second", "third"]);
  await one("await store.save(values[0])", { ...session, runs: [{ ...first, error: "changed" }] });
  assert.equal(await one("return (await store.load('s')).runs[0].error"), null);
});

test("what is deleted can be had again until a person sweeps", { skip }, async () => {
  const one = await tab();
  await one("await store.load('s'); await store.save(values[0])", without(session, "first"));
  assert.deepEqual(await one("return (await store.load('s')).runs"), []);
  await one("await store.save(values[0])", session);
  assert.equal(await one("return (await store.load('s')).runs.length"), 1);
  await one("await store.remove('s')");
  assert.equal(await one("return store.load('s')"), null);
  await one("await store.save(values[0])", session);
  assert.equal(await one("return (await store.load('s')).runs.length"), 1);
  assert.equal(await one("return store.sweep()"), 2);
  assert.equal(await one("return (await store.load('s')).runs.length"), 1);
});

test("prompts are saved with their versions", { skip }, async () => {
  const one = await tab();
  const prompt = { id: "x", name: "mine", versions: [{ made: 1, document: session.document, settings: {} }] };
  await one("await store.savePrompt(values[0])", prompt);
  assert.deepEqual(await one("return store.prompts()"), [prompt]);
  await one("await store.removePrompt('x')");
  assert.deepEqual(await one("return store.prompts()"), []);
});

test("a full disk is told, and loses nothing", { skip }, async () => {
  const one = await tab();
  await one("await store.save(values[0])", { ...session, title: "before" });
  const said = await one(
    `const put = IDBObjectStore.prototype.put;
     IDBObjectStore.prototype.put = function () { throw new DOMException("", "QuotaExceededError"); };
     const error = await store.save({ ...values[0], title: "after" }).catch((error) => error);
     IDBObjectStore.prototype.put = put;
     return [error instanceof StorageFull, error.message, (await store.load("s")).title]`,
    session,
  );
  assert.deepEqual(said, [
    true,
    "the browser has no room left: nothing more is saved until there is; export what you need",
    "before",
  ]);
  await one("await store.save(values[0])", { ...session, title: "after" });
  assert.equal(await one("return (await store.load('s')).title"), "after");
});

test(
  "an upgrade writes beside the old store, and is given up where it would lose records",
  { skip },
  async () => {
    const one = await tab();
    await one("store.close()");
    const upgraded = (convert: string) => `
    const first = () => undefined, second = (database, transaction) => copied(transaction, "sessions", "sessions-2", ${convert});
    const error = await Store.open([first, second]).then((store) => (store.close(), null), (error) => error);
    const request = indexedDB.open("ponder");
    await new Promise((resolve) => (request.onsuccess = resolve));
    const names = [...request.result.objectStoreNames];
    const count = request.result.transaction(names.at(-1)).objectStore(names.at(-1)).count();
    await new Promise((resolve) => (count.onsuccess = resolve));
    request.result.close();
    return [error?.name ?? null, request.result.version, names, count.result]`;
    await one(
      `const store = await Store.open(); await store.save(values[0]); await store.save(values[1]); store.close()`,
      session,
      { ...session, id: "t" },
    );
    assert.deepEqual(await one(upgraded("() => ({ id: 'same' })")), [
      "AbortError",
      1,
      ["prompts", "runs", "sessions"],
      2,
    ]);
    assert.deepEqual(await one(upgraded("(record) => ({ ...record, new: true })")), [
      null,
      2,
      ["prompts", "runs", "sessions", "sessions-2"],
      2,
    ]);
  },
);
