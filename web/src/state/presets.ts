// Experiments to begin with: each says what to do, and what to look for.
import type { Info } from "../core/info";
import type { Document, Settings } from "../core/request";

export interface Preset {
  title: string;
  /** One sentence each. */
  todo: string;
  look: string;
  document: Document;
  settings: Settings;
  /** Why it cannot be done on this server; empty: it can. */
  lacks?: (info: Info) => string;
}

const text = (prompt: string): Document => ({ kind: "completion", prompt });
const chat = (content: string): Document => ({ kind: "chat", messages: [{ role: "user", content }] });

const needs = (...names: string[]) => (info: Info) => {
  const missing = names.filter((name) => !info.parameters.some((one) => one.name === name));
  return missing.length ? `this server has no ${missing.join(", ")}` : "";
};
const talks = (info: Info) => (info.features.chat ? "" : "this model has no chat template");
const both = (...checks: ((info: Info) => string)[]) => (info: Info) => checks.map((check) => check(info)).find(Boolean) ?? "";
const constrained = (field: string) => (info: Info) => (info.features.constraints.some((one) => one.name === field) ? "" : `this server has no constraint “${field}”`);

export const PRESETS: readonly Preset[] = [
  {
    title: "Nucleus",
    todo: "Run, choose a token of much entropy, and move top p from 1 down to 0.5.",
    look: "Each place keeps its own number of tokens: many where the text is open, one where it is not.",
    document: text("Once upon a time, in a small village by the sea,"),
    settings: { temperature: 1, top_p: 0.9, max_tokens: 80 },
  },
  {
    title: "Temperature on one row",
    todo: "Run, choose the first token, and move the temperature from 0.1 to 2.",
    look: "The order of the bars stays; only how much the first ones have of the whole changes.",
    document: text("The weather today is"),
    settings: { temperature: 1, max_tokens: 40 },
  },
  {
    title: "Greedy: no randomness",
    todo: "Run twice, with whatever seed.",
    look: "The two texts are the same, token for token.",
    document: chat("Name three colours."),
    settings: { temperature: 0, max_tokens: 60 },
    lacks: talks,
  },
  {
    title: "Same seed, same text",
    todo: "Run, then set temperature to 0.6 and run again.",
    look: "The texts agree for a while: the same random numbers fall on a slightly different row.",
    document: chat("Why is the sky blue?"),
    settings: { temperature: 0.8, top_p: 0.9, seed: 1, max_tokens: 120 },
    lacks: talks,
  },
  {
    title: "Beam search",
    todo: "Run and open Tree while it grows.",
    look: "Hypotheses that fall behind are given up, and the last ones say nearly the same.",
    document: text("The capital of France is"),
    settings: { num_beams: 4, n: 4, max_tokens: 24 },
    lacks: needs("num_beams"),
  },
  {
    title: "Too many beams",
    todo: "Run with 4 beams, then with 16, and compare the texts.",
    look: "The score gets better, and the text does not: the likeliest text is often short and dull.",
    document: text("Yesterday I went to the market and"),
    settings: { num_beams: 16, n: 1, max_tokens: 32 },
    lacks: needs("num_beams"),
  },
  {
    title: "Diverse beams",
    todo: "Run, and look at the first tokens of the tree's branches.",
    look: "Each group pays for a token that an earlier group has, so they part early.",
    document: text("My favourite food is"),
    settings: { num_beams: 6, num_beam_groups: 3, diversity_penalty: 1, n: 3, max_tokens: 20 },
    lacks: needs("num_beam_groups", "diversity_penalty"),
  },
  {
    title: "Entropy warns",
    todo: "Run, and read what is underlined with a wave.",
    look: "Where the model makes a name up, it hesitates before it.",
    document: text("The first person to walk on Mars was"),
    settings: { temperature: 0.7, max_tokens: 60 },
  },
  {
    title: "Taught or cool?",
    todo: "Run at temperature 1 as it is, then as a plain text at temperature 0.3.",
    look: "A model that was taught to chat is certain at any temperature; a low temperature alone does not teach it.",
    document: chat("What is the meaning of life?"),
    settings: { temperature: 1, max_tokens: 80 },
    lacks: talks,
  },
  {
    title: "Sentiment as a choice",
    todo: "Open Constraints, write “ positive” and “ negative” as choices, and weigh them.",
    look: "How much of the whole the two have together, and how they share it.",
    document: text("Review: The film was far too long, and I fell asleep.\nSentiment:"),
    settings: { constraint: { choice: [" positive", " negative"] }, max_tokens: 8 },
    lacks: constrained("choice"),
  },
  {
    title: "A story without the name",
    todo: "Run, then take the ban out and run again with the same seed.",
    look: "Where the name would have come, the row shows it masked, and what its share went to.",
    document: text("Tell a story about Alice and the white rabbit.\n\nOne day,"),
    settings: { constraint: { ban: ["Alice"] }, temperature: 0.8, seed: 3, max_tokens: 100 },
    lacks: constrained("ban"),
  },
  {
    title: "A post without a hashtag",
    todo: "Run, and look for the places where “#” is masked.",
    look: "The text goes another way from there on, and the mass that was removed says how much it wanted to.",
    document: text("Tweet about coffee:"),
    settings: { constraint: { ban: ["#"] }, temperature: 0.9, max_tokens: 60 },
    lacks: constrained("ban"),
  },
  {
    title: "No short answers",
    todo: "Run, then set min tokens to 60 and run again with the same seed.",
    look: "The end token is masked until then, and the model has to find more to say.",
    document: chat("Is water wet?"),
    settings: { temperature: 0.7, seed: 1, min_tokens: 60, max_tokens: 120 },
    lacks: both(talks, needs("min_tokens")),
  },
  {
    title: "Eight answers, one vote",
    todo: "Run, and count the answers in the tree's leaves; or open Solve, which counts them.",
    look: "One text may be wrong where most are right.",
    document: chat("Anna has 3 apples and buys 2 more. How many apples has she? Answer with a number."),
    settings: { n: 8, temperature: 0.8, max_tokens: 60 },
    lacks: talks,
  },
  {
    title: "Context against what it knows",
    todo: "Run, and look at the row of the colour.",
    look: "The likeliest colour comes from what was read before, the next from what the text says.",
    document: text("In this story all apples are green and none is red. The colour of the apple that she ate was"),
    settings: { temperature: 0.7, max_tokens: 20 },
  },
];
