// One request while it is answered: a trace that grows.
import * as api from "../core/api";
import { branched } from "../core/lineage";
import type { Body, Branch, Document, Settings } from "../core/request";
import { identifier, type Origin, type Run, type Usage } from "../core/session";
import { Speller } from "../core/spelling";
import { begin, grow, Paths, pathsOf, type Trace } from "../core/trace";
import { soon } from "./frames";
import { shown } from "./pieces";
import { lineOf, shifted, spelled, type Line, type View } from "./view";

export type Status = "waiting" | "running" | "done" | "stopped" | "failed";

/** What is asked, and where it goes on from. */
export interface Ask {
  document: Document;
  settings: Settings;
  body: Body;
  branch: Branch | null;
  origin: Origin | null;
}

interface Choice {
  index: number;
  text?: string;
  delta?: { content?: string | null };
  finish_reason?: string | null;
  stop_reason?: string | number | null;
  constrained?: { rewinds?: number; refused?: number } | null;
}

export class Live implements View {
  readonly id = identifier();
  readonly made = Date.now();
  readonly ask: Ask;
  readonly forced: number;
  /** What the server told, and the same with what was there before. */
  #told: Trace | null = null;
  trace: Trace | null;
  lines: Line[] = [];
  finish: string | null = null;
  /** What a constraint did, as the server counts it. */
  constrained: { rewinds?: number; refused?: number } | null = null;

  version = $state(0);
  status = $state<Status>("waiting");
  error = $state("");
  progress = $state("");
  usage = $state.raw<Usage | null>(null);

  #sent: string[] = [];
  #paths = new Paths();
  #spellers: Speller[] = [];
  #controller = new AbortController();
  #started = performance.now();
  #firstAt: number | null = null;
  #lastAt = 0;
  #tokens = 0;

  constructor(ask: Ask, before: Trace | null = null) {
    this.ask = ask;
    this.trace = before;
    this.forced = before?.tokens.length ?? 0;
    if (!before) return;
    this.#follow();
    for (const line of this.lines) line.text = spelled(before, line.path);
  }

  get live() {
    return this.status === "waiting" || this.status === "running";
  }

  get count() {
    void this.version;
    return this.lines.reduce((sum, line) => sum + line.path.length, 0);
  }

  /** Milliseconds to the first token; null: none has come. */
  get first() {
    void this.version;
    return this.#firstAt === null ? null : this.#firstAt - this.#started;
  }

  /** Tokens a second after the first. */
  get rate() {
    void this.version;
    return this.#firstAt === null || this.#tokens < 2 || this.#lastAt <= this.#firstAt ? null : (1000 * (this.#tokens - 1)) / (this.#lastAt - this.#firstAt);
  }

  get seed(): number | null {
    void this.version;
    const seed = this.trace?.seed ?? this.trace?.params.seed?.value;
    return typeof seed === "number" ? seed : null;
  }

  stop() {
    if (this.live) this.status = "stopped";
    this.#controller.abort();
  }

  /** Asks, and takes in what comes until it ends, fails or is stopped. What has come stays. */
  async go() {
    try {
      for await (const part of api.answer(this.ask.document, this.ask.body, this.#controller.signal)) {
        if (this.status === "waiting") this.status = "running";
        this.#take(part);
        soon(this.#show);
      }
      this.status = "done";
    } catch (error) {
      if (this.status !== "stopped") {
        this.status = "failed";
        this.error = api.sentence(error);
      }
    } finally {
      this.#settle();
      this.#show();
    }
  }

  /** Returns what is kept of it; null where nothing came. */
  run(): Run | null {
    if (!this.#told || this.live) return null;
    const { id, made, ask, usage, error } = this;
    const end = this.status as Run["end"];
    const timings = { first: this.first, total: performance.now() - this.#started };
    return { id, made, ...ask, trace: this.#told, texts: this.#sent, usage, timings, end, error: error || null };
  }

  #take(part: Record<string, unknown>) {
    if (part.trace) this.#grow(part.trace as Partial<Trace>);
    if (part.usage) this.usage = used(part.usage as Parameters<typeof used>[0]);
    if (part.progress) {
      const { state, done, of } = part.progress as { state: string; done?: number; of?: number };
      this.progress = of ? `${state} ${done} of ${of}` : state;
    }
    for (const choice of (part.choices ?? []) as Choice[]) this.#choose(choice);
  }

  #grow(part: Partial<Trace>) {
    const before = this.trace;
    if (!this.#told) {
      this.#told = begin(part);
      this.trace = this.#told;
      // A trace of its own, from the prompt on: the first part may have tokens already.
      if (before) this.trace = { ...begin({ ...part, rows: [], tokens: [], vocabulary: {} }), prompt_tokens: before.prompt_tokens, vocabulary: { ...before.vocabulary }, rows: before.rows, tokens: before.tokens };
    } else grow(this.#told, part);
    if (this.trace !== this.#told) grow(this.trace!, shifted(part, this.forced));
    if (!part.tokens?.length) return;
    this.#tokens += part.tokens.length;
    this.#lastAt = performance.now();
    this.#firstAt ??= this.#lastAt;
    this.progress = "";
    this.#follow();
  }

  #choose({ index, text, delta, finish_reason, stop_reason, constrained }: Choice) {
    if (constrained) this.constrained = constrained;
    const line = this.#line(index);
    const sent = text ?? delta?.content ?? "";
    this.#sent[index] += sent;
    line.text += sent;
    if (finish_reason) this.finish = typeof stop_reason === "string" ? `${finish_reason}, ${stop_reason}` : finish_reason;
  }

  #line(index: number): Line {
    while (this.lines.length <= index) {
      const { branch } = this.ask;
      this.lines.push({ path: [], pieces: [], lineage: branched(branch?.lineage ?? [], branch?.tokens.length ?? 0, this.lines.length), text: "" });
      this.#spellers.push(new Speller());
      this.#sent.push("");
    }
    return this.lines[index];
  }

  /** Takes the tokens that are new into the lines. */
  #follow() {
    const trace = this.trace!;
    this.#paths.follow(trace);
    this.#paths.paths.forEach((path, index) => {
      const had = this.#line(index).path;
      if (had.length > path.length || had.at(-1) !== path[had.length - 1]) this.#rewrite(index);
      const line = this.lines[index];
      for (let place = line.path.length; place < path.length; place++) {
        const { text, bytes } = trace.vocabulary[trace.tokens[path[place]].id];
        line.path.push(path[place]);
        line.pieces.push(shown(this.#spellers[index].push(bytes), text));
      }
    });
  }

  /** Begins a line anew: a text that was given up in part goes on from an earlier token. */
  #rewrite(index: number) {
    this.lines[index] = { ...this.lines[index], path: [], pieces: [] };
    this.#spellers[index] = new Speller();
  }

  /** Writes the texts as they ended: a search tells only then which they are, and an end token is no part of them. */
  #settle() {
    const { trace, forced } = this;
    if (!trace?.tokens.length) return;
    pathsOf(trace).forEach((path, index) => {
      const { lineage } = this.#line(index);
      this.lines[index] = lineOf(trace, [...path], forced, this.#sent[index], lineage);
    });
  }

  readonly #show = () => void this.version++;
}

function used(usage: { prompt_tokens: number; completion_tokens: number; prompt_tokens_details?: { cached_tokens?: number } | null }): Usage {
  const { prompt_tokens, completion_tokens, prompt_tokens_details } = usage;
  return { prompt_tokens, completion_tokens, cached_tokens: prompt_tokens_details?.cached_tokens ?? 0 };
}
