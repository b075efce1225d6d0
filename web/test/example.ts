import type { Run } from "../src/core/session";
import { asTrace, type Row, type Trace } from "../src/core/trace";

export const GRID = [0.5, 1, 2];

/** A row of tokens 0, 1, ... with these probabilities at temperature 1, and no others. */
export function rowOf(probs: number[]): Row {
  const kept = probs.filter((one) => one > 0).length;
  return {
    entropy: -probs.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0),
    kept,
    kept_mass: 1,
    ids: probs.map((_, i) => i),
    logits: probs.map((p) => (p > 0 ? Math.log(p) : -50)),
    tempered: probs,
    truncated: probs,
    tails: GRID.map(() => null),
    steps: [],
  };
}

const hex = (text: string) => Buffer.from(text).toString("hex");

/** A trace of texts, each a list of token ids; `words` spell the tokens. All were chosen from the same row. */
export function traceOf(texts: number[][], words = ["a", "b", "c", "d"], change: Partial<Trace> = {}): Trace {
  const tokens: Trace["tokens"] = [];
  const paths = texts.map((ids, index) => {
    const path: number[] = [];
    for (const id of ids) {
      tokens.push({
        id,
        parent: path.at(-1) ?? -1,
        row: 0,
        logprob: -1,
        tempered_logprob: -1,
        truncated_logprob: -1,
        rank: 1,
        score: null,
        ended: null,
        index,
      });
      path.push(tokens.length - 1);
    }
    return path;
  });
  return asTrace({
    version: 1,
    model: "m",
    vocab_size: words.length,
    prompt: "p",
    prompt_tokens: 1,
    params: { seed: { value: 7, source: "resolved" }, temperature: { value: 1, source: "default" } },
    temperatures: GRID,
    vocabulary: Object.fromEntries(words.map((word, i) => [i, { text: word, bytes: hex(word) }])),
    rows: [rowOf(words.map(() => 1 / words.length))],
    tokens,
    texts: texts.map((ids, i) => ({
      text: ids.map((id) => words[id]).join(""),
      tokens: paths[i],
      finish_reason: "length",
      logprob: -1,
      score: -1,
    })),
    ...change,
  });
}

/** A run with a trace of texts. */
export function runOf(id: string, texts: number[][], change: Partial<Run> = {}): Run {
  const trace = change.trace ?? traceOf(texts);
  return {
    id,
    made: 1,
    document: { kind: "completion", prompt: "p" },
    settings: {},
    body: {},
    branch: null,
    origin: null,
    trace,
    texts: trace.texts.map((one) => one.text),
    usage: null,
    timings: null,
    end: "done",
    error: null,
    ...change,
  };
}
