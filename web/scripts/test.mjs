// Runs test/*.test.ts: Node 20 reads no TypeScript, so rolldown, which Vite brings, makes JavaScript of it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = mkdtempSync(join(tmpdir(), "ponder-web-"));
try {
  const files = readdirSync(join(root, "test")).filter((name) => name.endsWith(".test.ts"));
  const input = Object.fromEntries(files.map((name) => [name.slice(0, -3), join(root, "test", name)]));
  await build({
    cwd: root,
    input,
    platform: "node",
    logLevel: "warn",
    output: { dir: output, entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" },
  });
  const tests = Object.keys(input).map((name) => join(output, `${name}.mjs`));
  const { status } = spawnSync(process.execPath, ["--test", ...tests], { cwd: root, stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(output, { recursive: true, force: true });
}
