/** Text that a model or a file gave, so that nothing in it acts on the page or hides. */

const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
const KEPT = new Set(["\n", "\t", "\u200c", "\u200d"]); // line ends, tabs, and what joins letters and emoji
const SIGNS: Readonly<Record<string, string>> = { "\n": "⏎", "\t": "⇥" };

const escape = (character: string) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/** Returns a text with each control, format and direction-changing character as a sign or an escape: for labels. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => SIGNS[character] ?? escape(character));
}

/** The same for running text: line ends, tabs and joiners stay. */
export function readable(text: string): string {
  return text.replace(HIDDEN, (character) => (KEPT.has(character) ? character : escape(character)));
}
