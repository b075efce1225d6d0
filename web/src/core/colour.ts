/** A token's colour: one of six steps of one hue, from 0 to 5; darker is more. */

import type { Redrawn } from "./redraw";
import type { Row, Token } from "./trace";

export type Kind = "entropy" | "probability" | "surprise" | "rank" | "changed" | "none";

/** From which number on each further step begins. Entropy and surprise are in nats. */
export const BORDERS: Readonly<Record<Exclude<Kind, "none">, readonly number[]>> = {
  entropy: [0.1, 0.5, 1, 2, 3.5],
  probability: [0.03, 0.15, 0.4, 0.7, 0.9],
  surprise: [0.1, 0.5, 1.2, 2.5, 5],
  rank: [2, 3, 6, 21, 101],
  changed: [0.02, 0.1, 0.25, 0.5, 0.75],
};

/** Returns the step of a number. */
export function stepOf(kind: Exclude<Kind, "none">, value: number): number {
  let step = 0;
  while (step < 5 && value >= BORDERS[kind][step]) step++;
  return step;
}

/** Returns a token's step. "changed" is how much of its probability the sliders took or gave; without them 0. */
export function step(kind: Kind, row: Row, token: Token, redrawn: Redrawn | null = null): number {
  switch (kind) {
    case "entropy":
      return stepOf(kind, row.entropy);
    case "probability":
      return stepOf(kind, Math.exp(token.logprob));
    case "surprise":
      return stepOf(kind, -token.logprob);
    case "rank":
      return stepOf(kind, token.rank);
    case "changed":
      return redrawn
        ? stepOf(kind, Math.abs(shareOf(row, token, redrawn) - Math.exp(token.truncated_logprob)))
        : 0;
    case "none":
      return 0;
  }
}

/** The probability with which a token would be drawn at the sliders' settings; 0 where it is cut off, or not named. */
export function shareOf(row: Row, token: Token, redrawn: Redrawn): number {
  const place = row.ids.indexOf(token.id);
  if (place < 0 || place >= redrawn.kept) return 0;
  const whole = redrawn.beyond ? redrawn.mass + redrawn.tail : redrawn.mass;
  return redrawn.probs[place] / whole;
}

/** Whether the sliders' settings cut a token off; null: that is not known. */
export function isCut(row: Row, token: Token, redrawn: Redrawn): boolean | null {
  const place = row.ids.indexOf(token.id);
  if (place >= 0 && place < redrawn.kept) return false;
  return redrawn.beyond && (place < 0 || redrawn.kept < row.ids.length) ? null : true;
}
