// How the page writes a text's tokens: their texts together are the text; what nobody would see has a sign.
import { readable, visible } from "../core/visible";

export interface Shown {
  text: string;
  /** Stands before the text, and is no part of it. */
  sign: string;
}

/** Returns a token's part of a text as it is shown; `name` is the token's own spelling. */
export function shown(text: string, name: string): Shown {
  if (text === "") return { text, sign: visible(name) || "∅" };
  return { text: readable(text), sign: /[\n\r]/.test(text) ? "⏎" : "" };
}

const NAMED: Readonly<Record<string, string>> = { " ": "space", "\n": "line break", "\t": "tab" };

/** What a screen reader says of a token. */
export function describe({ text, sign }: Shown): string {
  const said = text || sign;
  if (/\S/.test(said)) return said;
  return [...said].map((character) => NAMED[character] ?? visible(character)).join(", ");
}
