// Runs a program's checks and prints one JSON object a line for each: name, verdict, detail; as checks.py does.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export const [URL_, MODEL] = process.argv.slice(2);
export const BASE = `${URL_}/v1`;
export const TRUTH = JSON.parse(readFileSync(new URL("truth.json", import.meta.url), "utf8")); // see truth.py
export const equal = assert.deepStrictEqual;
export const holds = assert.ok;

const checks = [];

/** Take an async function as a check: it has passed if it returns, and met a refusal if it throws one. */
export function check(name, action) {
  checks.push([name, action]);
}

class Refused extends Error {}

/** Return the error that an async call must throw: of a class, or one that `kind.isInstance` knows. */
export async function caught(kind, call, ...words) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    const known = kind.isInstance ? kind.isInstance(error) : error instanceof kind;
    if (!known) throw error;
    for (const word of words) holds(String(error.message).includes(word), `no ${word} in ${error.message}`);
    return error;
  }
  assert.fail(`${kind.name} expected, and not ${JSON.stringify(answer)?.slice(0, 300)}`);
}

/** Throw a refusal after a call that the server must refuse, naming these words. */
export async function refusal(kind, call, ...words) {
  const error = await caught(kind, call, ...words);
  throw new Refused(`${error.name}: ${error.message}`);
}

/** Run all checks in the order of the file. */
export async function main() {
  for (const [name, action] of checks) {
    let verdict = "passed";
    let detail = "";
    try {
      detail = (await action()) ?? "";
    } catch (error) {
      verdict = error instanceof Refused ? "refused" : "failed";
      detail = error instanceof Refused ? error.message : String(error?.stack ?? error);
    }
    const line = { name, verdict, detail: String(detail).slice(0, 1000) };
    process.stdout.write(`${JSON.stringify(line).replace('{"name":', '{"name": ')}\n`);
  }
}
