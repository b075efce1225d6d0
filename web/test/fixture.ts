import { readFileSync } from "node:fs";

/** Returns what `test/fixtures.py` wrote; tests run in `web/`. */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(`test/fixtures/${name}.json`, "utf8")) as T;
}
