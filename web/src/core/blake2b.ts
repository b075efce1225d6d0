/** BLAKE2b (RFC 7693), as far as streams of random numbers need it. */

import type { Words } from "./philox";

const MASK = (1n << 64n) - 1n;
const INITIAL = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
];
// The order in which each round takes the block's words.
const SIGMA = [
  "0123456789abcdef",
  "ea489fd61c02b753",
  "b8c052fdae367194",
  "7931dcbe265a40f8",
  "905724afe1bc683d",
  "2c6a0b834d75fe19",
  "c51fed4a0763928b",
  "db7ec13950f4862a",
  "6fe9b308c2d714a5",
  "a2847615fb9e3cd0",
].map((line) => [...line].map((digit) => Number.parseInt(digit, 16)));
const COLUMNS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
];
const DIAGONALS = [
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];
const PLACES = [...COLUMNS, ...DIAGONALS] as [number, number, number, number][];
const BLOCK = 128;

/** Returns the digest of a message, without a key, of 8 bytes. */
export function blake2b(message: Uint8Array): Words {
  const state = INITIAL.slice();
  state[0] ^= 0x01010008n;
  for (let start = 0; start === 0 || start < message.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, message.length);
    const block = new Uint8Array(BLOCK);
    block.set(message.subarray(start, end));
    compress(state, new BigUint64Array(block.buffer), BigInt(end), end === message.length);
  }
  const digest = state[0];
  return [Number(digest & 0xffffffffn), Number(digest >> 32n)];
}

function compress(state: bigint[], block: BigUint64Array, read: bigint, last: boolean): void {
  const v = [...state, ...INITIAL];
  const add = (...terms: bigint[]) => terms.reduce((sum, one) => sum + one, 0n) & MASK;
  const turn = (value: bigint, bits: bigint) => ((value >> bits) | (value << (64n - bits))) & MASK;
  v[12] ^= read;
  if (last) v[14] ^= MASK;
  for (let round = 0; round < 12; round++) {
    const order = SIGMA[round % 10];
    PLACES.forEach(([a, b, c, d], i) => {
      for (const [half, first, second] of [
        [0, 32n, 24n],
        [1, 16n, 63n],
      ] as const) {
        v[a] = add(v[a], v[b], block[order[2 * i + half]]);
        v[d] = turn(v[d] ^ v[a], first);
        v[c] = add(v[c], v[d]);
        v[b] = turn(v[b] ^ v[c], second);
      }
    });
  }
  for (let i = 0; i < 8; i++) state[i] ^= v[i] ^ v[i + 8];
}
