/** Random numbers as a function of where they are used: those of `ponder.sampling.rng`, to the bit. */

/** A 64-bit number as its low and high 32 bits. */
export type Words = readonly [low: number, high: number];

/** Returns a whole number below 2^53 as words; null for another, which JavaScript cannot hold exactly. */
export function words(value: number): Words | null {
  return Number.isSafeInteger(value) && value >= 0 ? [value % 2 ** 32, Math.floor(value / 2 ** 32)] : null;
}

/** The upper half of the product of two 32-bit numbers. */
function high(a: number, b: number): number {
  const [lowA, highA, lowB, highB] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = highA * lowB + ((lowA * lowB) >>> 16);
  const other = lowA * highB + (middle & 0xffff);
  return (highA * highB + (middle >>> 16) + (other >>> 16)) >>> 0;
}

/** Philox-4x32-10 (Salmon et al., SC 2011): a counter of four 32-bit words and a key of two -> four words. */
export function philox(counter: readonly number[], key: Words): [number, number, number, number] {
  let [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const left = high(0xd2511f53, c0);
    const right = high(0xcd9e8d57, c2);
    const [lowLeft, lowRight] = [Math.imul(0xd2511f53, c0) >>> 0, Math.imul(0xcd9e8d57, c2) >>> 0];
    c0 = (right ^ c1 ^ k0) >>> 0;
    c1 = lowRight;
    c2 = (left ^ c3 ^ k1) >>> 0;
    c3 = lowLeft;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Returns the number in [0, 1), of 53 random bits, that chooses the token at a position of a stream. */
export function uniform(seed: Words, stream: Words, position: number): number {
  const [first, second] = philox([position, stream[0], 0, stream[1]], seed);
  return ((first >>> 5) * 67108864 + (second >>> 6)) / 9007199254740992;
}
