/** What is asked of the server: a document, settings and where to go on from -> the body of a request. */

import type { Lineage } from "./lineage";

export type Role = "system" | "user" | "assistant" | "tool" | "developer";

export interface Message {
  role: Role;
  content: string;
}

/** What a person has written: one text, or a conversation. */
export type Document =
  | { kind: "completion"; prompt: string }
  | { kind: "chat"; messages: readonly Message[] };

/** Parameters that a person has set, by name. */
export type Settings = Readonly<Record<string, unknown>>;

/** Tokens that count as generated already, and whose random numbers the text goes on with. */
export interface Branch {
  tokens: readonly number[];
  lineage: Lineage;
}

/** What should be told of an answer besides its text. */
export interface Watch {
  trace?: boolean | { top?: number; mass?: number; max_top?: number; prompt?: boolean };
  tree?: boolean;
  progress?: boolean;
}

export type Body = Record<string, unknown>;

/** Where a document's request goes, relative to the page. */
export const endpoint = (document: Document): string =>
  document.kind === "chat" ? "v1/chat/completions" : "v1/completions";

/**
 * Returns the members that say what is to be answered. An answer that the assistant has begun is gone on with;
 * where a branch has its tokens, they take the message's place, and random numbers go on from them.
 */
export function asked(document: Document, branch: Branch | null = null): Body {
  if (document.kind === "completion") return { prompt: document.prompt };
  const messages = document.messages.map(({ role, content }) => ({ role, content }));
  if (messages.at(-1)?.role !== "assistant") return { messages };
  return branch?.tokens.length
    ? { messages: messages.slice(0, -1) }
    : { messages, continue_final_message: true };
}

/** Returns the body of a streamed request. Settings that are undefined or null are left to the server. */
export function request(
  document: Document,
  settings: Settings,
  branch: Branch | null = null,
  watch: Watch = { trace: true },
): Body {
  const set = Object.entries(settings).filter(([, value]) => value !== undefined && value !== null);
  const body: Body = {
    ...asked(document, branch),
    ...Object.fromEntries(set),
    ...from(branch),
    stream: true,
    return_token_ids: true,
  };
  const options: Body = { include_usage: true };
  if (watch.trace) options.include_trace = watch.trace;
  if (watch.tree) options.include_tree = true;
  if (watch.progress) options.include_progress = true;
  return { ...body, stream_options: options };
}

function from(branch: Branch | null): Body {
  if (!branch?.tokens.length) return branch?.lineage.length ? { lineage: branch.lineage } : {};
  const lineage = branch.lineage.length ? { lineage: branch.lineage } : {};
  return { prefix_token_ids: [...branch.tokens], ...lineage };
}
