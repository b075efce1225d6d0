/** Tokens -> what each of them adds to a text. */

import type { Trace } from "./trace";

/** A token's part of a text; empty where it adds no character of its own. */
export interface Piece {
  /** An index of the trace's tokens. */
  token: number;
  text: string;
  /** Whether it is a sign for the model that the text does not have, such as its end. */
  control: boolean;
}

/** Spells tokens one after another: a character whose bytes are spread over tokens belongs to the last of them. */
export class Speller {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** Returns what a token's bytes, in hexadecimal, add. */
  push(bytes: string): string {
    return this.#decoder.decode(decoded(bytes), { stream: true });
  }

  /** Returns what is left where a text ends within a character. */
  end(): string {
    return this.#decoder.decode();
  }
}

const decoded = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/**
 * Cuts a text into its tokens' pieces: together they are the text, to the character.
 *
 * `text` is what the server sent of it. A token whose spelling is not in its place there is one for the model;
 * one that a stop string cut is as long as what is there. Without it all tokens are spelled.
 */
export function pieces(trace: Trace, path: readonly number[], text?: string): Piece[] {
  const speller = new Speller();
  let at = 0;
  const found = path.map((token): Piece => {
    const spelled = speller.push(trace.vocabulary[trace.tokens[token].id].bytes);
    if (text === undefined) return { token, text: spelled, control: false };
    const here = placed(spelled, text, at);
    at += here?.length ?? 0;
    return { token, text: here ?? "", control: here === null };
  });
  const last = found.findLast((piece) => !piece.control);
  const rest = text === undefined ? speller.end() : text.slice(at);
  if (last) last.text += rest;
  return found;
}

/** Returns the part of a spelling that a text has at a place; null: none. */
function placed(spelled: string, text: string, at: number): string | null {
  if (text.startsWith(spelled, at)) return spelled;
  if (at === 0 && spelled.startsWith(" ") && text.startsWith(spelled.slice(1))) return spelled.slice(1); // as some tokenizers begin
  const rest = text.slice(at, at + spelled.length);
  return at < text.length && at + spelled.length > text.length && spelled.startsWith(rest) ? rest : null;
}
