import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const NAMES = ["chromium", "google-chrome", "chromium-browser"];

/** Returns a browser's path: $PONDER_BROWSER, or one that is installed; null if there is none. */
export function browserPath(): string | null {
  const folders = (process.env.PATH ?? "").split(":");
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  return process.env.PONDER_BROWSER ?? found ?? null;
}

/** A browser without a window, which is told what to do through a pipe. */
export class Browser {
  readonly #process: ChildProcess;
  readonly #server: Server;
  readonly #profile: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #sent = 0;

  private constructor(process: ChildProcess, server: Server, profile: string) {
    this.#process = process;
    this.#server = server;
    this.#profile = profile;
    let begun = "";
    (process.stdio[4] as Readable).on("data", (data) => {
      const messages = (begun + String(data)).split("\0");
      begun = messages.pop() ?? "";
      for (const message of messages) {
        const answer = JSON.parse(message) as Answer;
        this.#waiting.get(answer.id)?.(answer);
      }
    });
  }

  /** Starts a browser; pages it opens can import what is in a folder. */
  static async start(path: string, folder: string): Promise<Browser> {
    const server = createServer(({ url = "/" }, response) => {
      const name = url.slice(1);
      if (!/^[\w.-]+\.mjs$/.test(name) || !existsSync(join(folder, name)))
        return void response.setHeader("Content-Type", "text/html").end("<!doctype html>");
      response.setHeader("Content-Type", "text/javascript").end(readFileSync(join(folder, name)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const profile = mkdtempSync(join(tmpdir(), "ponder-browser-"));
    const options = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--remote-debugging-pipe",
      `--user-data-dir=${profile}`,
    ];
    return new Browser(
      spawn(path, options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] }),
      server,
      profile,
    );
  }

  /** Opens a page and returns what evaluates an expression there, and waits for what it promises. */
  async page(): Promise<(expression: string) => Promise<unknown>> {
    const { port } = this.#server.address() as { port: number };
    const { targetId } = await this.#call("Target.createTarget", { url: `http://127.0.0.1:${port}/` });
    const { sessionId } = await this.#call("Target.attachToTarget", { targetId, flatten: true });
    const evaluate = async (expression: string) => {
      const given = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await this.#call("Runtime.evaluate", given, sessionId as string);
      if (exceptionDetails)
        throw new Error((exceptionDetails as { exception: { description: string } }).exception.description);
      return (result as { value: unknown }).value;
    };
    while ((await evaluate("location.port && document.readyState")) !== "complete")
      await new Promise((resolve) => setTimeout(resolve, 50));
    return evaluate;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill();
    await ended;
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #call(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#sent;
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { result, error } = await answer;
    this.#waiting.delete(id);
    if (error) throw new Error(error.message);
    return result;
  }
}

interface Answer {
  id: number;
  result: Record<string, unknown>;
  error?: { message: string };
}
