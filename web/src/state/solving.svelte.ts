// One problem, on which a budget is spent: candidates as they come, what they cost, the best so far.
import * as api from "../core/api";
import type { Body } from "../core/request";

export type Ledger = Record<string, number>;

export interface Candidate {
  text: string;
  answer?: string | null;
  score?: number | null;
  finish_reason?: string;
}

export interface Best extends Candidate {
  scores?: number[] | null;
}

export interface StepNode {
  node: number;
  parent: number;
  text: string;
  tokens: number;
  finish_reason: string | null;
  scores: (number | null)[] | null;
}

export interface Vote {
  answer: string | null;
  weight: number;
  members: number[];
}

interface Answer {
  text: string;
  answer: string | null;
  chosen: number | null;
  candidates: Candidate[];
  votes: Vote[];
  ledger: Ledger;
  right: boolean | null;
  alone: number | null;
  oracle: boolean | null;
  stopped: string;
}

export class Solving {
  problem = $state("");
  reference = $state("");
  strategy = $state("best-of-n");
  reward = $state("");
  /** The strategy's settings, where they are not its defaults. */
  settings = $state.raw<Record<string, unknown>>({});
  samples = $state(8);
  tokens = $state<number | null>(2048);
  seconds = $state<number | null>(null);

  status = $state<"" | "running" | "done" | "stopped" | "failed">("");
  error = $state("");
  texts = $state.raw<string[]>([]);
  nodes = $state.raw<StepNode[]>([]);
  best = $state.raw<Best | null>(null);
  ledger = $state.raw<Ledger | null>(null);
  answer = $state.raw<Answer | null>(null);
  scale = $state<string | null>(null);

  #controller: AbortController | null = null;
  #nodes = new Map<number, StepNode>();

  get body(): Body {
    const budget = { n: this.samples, ...(this.tokens && { max_generated_tokens: this.tokens }), ...(this.seconds && { seconds: this.seconds }) };
    return {
      problem: this.problem,
      ...(this.reference && { answer: this.reference }),
      strategy: this.strategy,
      ...(Object.keys(this.settings).length && { settings: this.settings }),
      ...(this.reward && { reward: this.reward }),
      budget,
    };
  }

  stop() {
    if (this.status === "running") this.status = "stopped";
    this.#controller?.abort();
  }

  async run(sampling: Record<string, unknown>, constraint: unknown) {
    this.status = "running";
    this.error = "";
    [this.texts, this.nodes, this.best, this.ledger, this.answer] = [[], [], null, null, null];
    this.#nodes.clear();
    this.#controller = new AbortController();
    try {
      const body = { ...this.body, ...(Object.keys(sampling).length && { sampling }), ...(constraint ? { constraint } : {}) };
      for await (const part of api.solve(body, this.#controller.signal)) this.#take(part);
      this.status = "done";
    } catch (error) {
      if (this.status !== "running") return;
      this.status = "failed";
      this.error = api.sentence(error);
    }
  }

  #take(part: Record<string, unknown>) {
    if (part.ledger) this.ledger = part.ledger as Ledger;
    if (part.type === "begin") this.scale = (part.reward as { scale: string } | null)?.scale ?? null;
    if (part.type === "progress") {
      const told = part.texts as { same: number; text: string }[];
      this.texts = told.map(({ same, text }, index) => (this.texts[index] ?? "").slice(0, same) + text);
      if (part.best) this.best = part.best as Best;
    }
    if (part.type === "tree") {
      for (const node of part.nodes as StepNode[]) this.#nodes.set(node.node, { ...this.#nodes.get(node.node), ...node });
      this.nodes = [...this.#nodes.values()];
    }
    if (part.type === "answer") this.answer = part as unknown as Answer;
  }
}
