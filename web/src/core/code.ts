/** A document and its settings as a program that asks the same. */

import { asked, type Body, type Document, type Settings } from "./request";

export const LANGUAGES = ["curl", "openai", "ponder", "javascript"] as const;
export const INTERFACES = ["chat", "completions", "responses"] as const;
export type Language = (typeof LANGUAGES)[number];
export type Interface = (typeof INTERFACES)[number];

/** What a program is made of. */
export interface Subject {
  document: Document;
  /** What differs from the server's defaults, with the seed. */
  settings: Settings;
  model: string;
  /** The server's address, as `http://localhost:8000/`. */
  address: string;
  /** Whether the server wants a key, which the program takes from PONDER_API_KEY. */
  key: boolean;
  /** The text that the model saw, where it is known: what a conversation is for completions. */
  prompt: string | null;
  /** The names of settings of decoders and of mixtures. */
  decoders: readonly string[];
  mixtures: readonly string[];
}

export interface Snippet {
  code: string;
  /** Why it does not ask quite the same; null: it does. */
  note: string | null;
}

const PATHS: Record<Interface, string> = {
  chat: "v1/chat/completions",
  completions: "v1/completions",
  responses: "v1/responses",
};
const CALLS: Record<Interface, string> = {
  chat: "chat.completions",
  completions: "completions",
  responses: "responses",
};
const TEXTS: Record<Interface, string> = {
  chat: "choices[0].message.content",
  completions: "choices[0].text",
  responses: "output_text",
};
const OUTPUT = 'output.find(({ type }) => type === "message").content[0].text'; // what openai's client calls output_text

// What openai's client takes by name; all else goes into extra_body.
const COMMON = ["model", "temperature", "top_p"];
const GENERATING = [
  ...COMMON,
  "frequency_penalty",
  "presence_penalty",
  "logit_bias",
  "max_tokens",
  "n",
  "seed",
  "stop",
];
const NAMED: Record<Interface, readonly string[]> = {
  chat: [...GENERATING, "messages", "response_format"],
  completions: [...GENERATING, "prompt"],
  responses: [...COMMON, "input", "max_output_tokens"],
};

/** Returns a program for one of the interfaces. */
export function snippet(language: Language, face: Interface, subject: Subject): Snippet {
  if (language === "ponder") return { code: ponder(face, subject), note: noteOf(face, subject) };
  const body = bodyOf(face, subject);
  const code = { curl, openai, javascript }[language](face, body, subject);
  return { code, note: noteOf(face, subject) };
}

function noteOf(face: Interface, { document, settings, prompt }: Subject): string | null {
  if (document.kind === "completion")
    return face === "completions" ? null : "the prompt is sent as a message, so the model sees another text";
  if (face === "responses" && document.messages.at(-1)?.role === "assistant")
    return "Responses has no way to go on with an answer that was begun";
  if (face === "responses" && settings.n !== undefined && settings.n !== 1) return "Responses gives one text";
  return face === "completions" && prompt === null
    ? "run it once: the text that the model sees is not known yet"
    : null;
}

function documentFor(face: Interface, { document, prompt }: Subject): Document {
  if (face === "completions" && document.kind === "chat") {
    return {
      kind: "completion",
      prompt: prompt ?? document.messages.map(({ content }) => content).join("\n"),
    };
  }
  if (face !== "completions" && document.kind === "completion") {
    return { kind: "chat", messages: [{ role: "user", content: document.prompt }] };
  }
  return document;
}

/** The settings that are sent; a conversation that is sent as raw text has what the model puts before one already. */
function sent(face: Interface, { document, settings }: Subject): Settings {
  return face === "completions" && document.kind === "chat"
    ? { ...settings, add_special_tokens: false }
    : settings;
}

function bodyOf(face: Interface, subject: Subject): Body {
  const document = documentFor(face, subject);
  const settings = sent(face, subject);
  if (face !== "responses") return { model: subject.model, ...asked(document), ...settings };
  const { messages } = asked(document);
  const { max_tokens, n: _, ...others } = settings;
  return {
    model: subject.model,
    input: messages,
    ...others,
    ...(max_tokens === undefined ? {} : { max_output_tokens: max_tokens }),
  };
}

function curl(face: Interface, body: Body, { address, key }: Subject): string {
  const secret = key ? `  -H "Authorization: Bearer $PONDER_API_KEY" \\\n` : "";
  return `curl ${shell(address + PATHS[face])} \\\n  -H 'Content-Type: application/json' \\\n${secret}  -d ${shell(json(body, 2))}\n`;
}

function javascript(face: Interface, body: Body, { address, key }: Subject): string {
  const secret = key ? ", Authorization: `Bearer ${process.env.PONDER_API_KEY}`" : "";
  return `const response = await fetch(${json(address + PATHS[face])}, {
  method: "POST",
  headers: { "Content-Type": "application/json"${secret} },
  body: JSON.stringify(${json(body, 2).replaceAll("\n", "\n  ")}),
});
const answer = await response.json();
console.log(answer.${face === "responses" ? OUTPUT : TEXTS[face]});
`;
}

function openai(face: Interface, body: Body, { address, key }: Subject): string {
  const named = Object.entries(body).filter(([name]) => NAMED[face].includes(name));
  const others = Object.entries(body).filter(([name]) => !NAMED[face].includes(name));
  const members = [...named, ...(others.length ? [["extra_body", Object.fromEntries(others)] as const] : [])];
  return `${key ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url=${python(`${address}v1`)}, api_key=${key ? 'os.environ["PONDER_API_KEY"]' : '"none"'})
answer = client.${CALLS[face]}.create(
${members.map(([name, value]) => `    ${name}=${python(value, 4)},\n`).join("")})
print(answer.${TEXTS[face]})
`;
}

function ponder(face: Interface, subject: Subject): string {
  const { kind } = subject.document;
  const document = documentFor(face, subject);
  const prompt = document.kind === "completion" ? document.prompt : asked(document).messages;
  const told: [string, string][] = document.kind === "completion" ? [["chat", "False"]] : [];
  if (document.kind === "chat" && document.messages.at(-1)?.role === "assistant")
    told.push(["continue_final_message", "True"]);
  if (face === "completions" && kind === "chat") told.push(["add_special_tokens", "False"]);

  const [imports, made] = [["import ponder"], new Map<string, Record<string, unknown>>()];
  for (const [name, value] of Object.entries(subject.settings)) {
    if (name === "bad_words") told.push(["ban", python(value, 4)]);
    else if (name === "logit_bias" || name === "sequence_bias") told.push([name, biases(value)]);
    else if (name === "constraint") made.set("constraint", value as Record<string, unknown>);
    else if (subject.decoders.includes(name)) made.set("decoder", { ...made.get("decoder"), [name]: value });
    else if (subject.mixtures.includes(name)) made.set("mixture", { ...made.get("mixture"), [name]: value });
    else told.push([name, python(value, 4)]);
  }
  for (const [name, settings] of made) {
    imports.push(`from ponder.${name === "constraint" ? "constraints" : "decoders.named"} import ${name}_of`);
    told.push([name, `${name}_of(${python(settings, 4)})`]);
  }
  const options = told.map(([name, value]) => `    ${name}=${value},\n`).join("");
  return `${imports.join("\n")}\n\nlm = ponder.load(${python(subject.model)})\nanswer = lm(\n    ${python(prompt, 4)},\n${options})\nprint(answer.text)\n`;
}

/** Biases by token, or by tokens, as Python has them: JSON has neither numbers nor lists as keys. */
function biases(value: unknown): string {
  const pairs = Array.isArray(value) ? (value as [number[], number][]) : Object.entries(value as object);
  const key = (of: string | number[]) =>
    Array.isArray(of) ? `(${of.map(Number).join(", ")},)` : String(Number(of));
  return `{${pairs.map(([of, bias]) => `${key(of)}: ${Number(bias)}`).join(", ")}}`;
}

/** A text as one word of a POSIX shell. */
export function shell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What is no printable character, which no program should hold as it is. */
const UNPRINTED = /[\p{C}\p{Zl}\p{Zp}]/gu;
const unit = (code: number) => `\\u${code.toString(16).padStart(4, "0")}`;

/** A value as JSON, and as JavaScript; line ends of the layout stay. */
export function json(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, null, indent);
  return text.replace(UNPRINTED, (hidden) =>
    hidden === "\n"
      ? hidden
      : Array.from({ length: hidden.length }, (_, i) => unit(hidden.charCodeAt(i))).join(""),
  );
}

/** A JSON value as Python; lists and objects over several lines where they are long. */
export function python(value: unknown, indent = 0): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object") return String(value);
  const members = Array.isArray(value)
    ? value.map((one) => python(one, indent + 4))
    : Object.entries(value).map(([name, one]) => `${quoted(name)}: ${python(one, indent + 4)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const line = open + members.join(", ") + close;
  if (line.length + indent <= 88 && !line.includes("\n")) return line;
  const space = " ".repeat(indent);
  return `${open}\n${members.map((one) => `${space}    ${one},\n`).join("")}${space}${close}`;
}

/** A text as Python's literal. A character beyond the first 65,536 is one escape there, not two. */
function quoted(text: string): string {
  const escapes: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  const shown = escaped.replace(UNPRINTED, (hidden) => {
    const code = hidden.codePointAt(0) ?? 0;
    return escapes[hidden] ?? (code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : unit(code));
  });
  return `"${shown}"`;
}
