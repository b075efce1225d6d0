/** Where a text branched off, and so whose random numbers it draws: `ponder.asks.path`. */

import { blake2b } from "./blake2b";
import { words, type Words } from "./philox";

/** (How many tokens the text had, the number of the branch), the oldest first; branch 0 is not listed. */
export type Lineage = readonly (readonly [position: number, child: number])[];

/** Returns the lineage of branch `child` of a text that has `position` tokens. */
export function branched(lineage: Lineage, position: number, child: number): Lineage {
  return child ? [...lineage, [position, child]] : lineage;
}

/** Returns the part of a lineage that a text has once it is cut to so many tokens. */
export function cutTo(lineage: Lineage, tokens: number): Lineage {
  return lineage.filter(([position]) => position <= tokens);
}

/** Returns the stream of random numbers of a lineage. */
export function streamOf(lineage: Lineage): Words {
  const [first] = lineage;
  if (!first) return [0, 0];
  if (lineage.length === 1 && first[0] === 0) return words(first[1]) ?? [0, 0];
  const [low, high] = blake2b(new TextEncoder().encode(lineage.map((pair) => pair.join(":")).join(",")));
  return [low, (high | 0x80000000) >>> 0];
}
