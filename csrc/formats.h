// How weights are stored: one struct for each quantised type of GGUF.
//
// A struct says how a block of the file is put into memory, for 16 rows side by side, and how it is read there:
//   value of input i = scale(part of i) * (code(i) - OFFSET) + minimum(part of i), where there is a MINIMUM.
// A block holds INPUTS inputs of a row, in STORED bytes of the file. Each 32 inputs have PARTS scales. Codes are at most
// LARGEST. `code(b, step)` reads four inputs of all rows: step 0 to 7 of the b-th 32 inputs. ggml defines what files hold
// (ggml-common.h, ggml-quants.c). A block takes as many bytes as in the file, or a few more where scales of 6 bits become
// bytes. Where a type says QUICK, reading its codes again costs no more than keeping them.
#pragma once

#include <cstring>

#include "matrix.h"
#include "simd.h"

namespace ponder::PONDER_ISA {

// Four bytes, the first the lowest.
inline uint32_t load_word(const uint8_t* from) {
  uint32_t word;
  std::memcpy(&word, from, 4);
  return word;
}
inline void store_word(uint8_t* to, uint32_t word) { std::memcpy(to, &word, 4); }

// N bits of each of four bytes, from bit `first` on.
template <int N>
uint32_t bits_of(const uint8_t* from, int first) { return load_word(from) >> first & ((1u << N) - 1) * 0x01010101u; }

// Codes of N bits of 32 inputs of 16 rows. Those of a step (4 inputs) are in 64 bytes, where byte 4 * lane + i is input i of
// row `lane`; steps that fit a byte together share a vector.
template <int N>
struct Bits {
  static constexpr int SHARED = 8 / N;  // steps
  uint8_t vectors[N][64];

  // The codes of a step of one row, in the low bits of four bytes. Bits are only added: they are zero before.
  void put(int lane, int step, uint32_t codes) {
    uint8_t* to = vectors[step / SHARED] + 4 * lane;
    store_word(to, load_word(to) | codes << (step % SHARED * N));
  }
  // The codes of a step, moved up to bit `to`.
  PONDER_INLINE u8x64 at(int step, int to = 0) const {
    const u8x64 all = load_bytes(vectors[step / SHARED]);
    const int up = to - step % SHARED * N;
    if (N == 8) return all;
    if (SHIFTS_BYTES && to == 0 && up < 0 && step % SHARED == SHARED - 1) return shift_right(all, -up);  // nothing lies above
    return (up > 0 ? shift_left(all, up) : up < 0 ? shift_right(all, -up) : all) & splat_byte(static_cast<uint8_t>(((1 << N) - 1) << to));
  }
};

// What each of 16 rows has once: half-precision numbers, or small integers.
struct Halves {
  uint16_t of[TILE];
  void put(int lane, const uint8_t* from) { std::memcpy(&of[lane], from, 2); }
  PONDER_INLINE f32x16 get() const { return load_f16(of); }
};
using Bytes16 = uint8_t[TILE];
using Signed16 = int8_t[TILE];

// 32 nibbles: inputs i and i + 16 share a byte.
inline void put_nibbles(Bits<4>& to, int lane, const uint8_t* from) {
  for (int step = 0; step < 4; step++) to.put(lane, step, bits_of<4>(from + 4 * step, 0)), to.put(lane, step + 4, bits_of<4>(from + 4 * step, 4));
}
// The same with a fifth bit for each, in 4 bytes.
inline void put_fifths(Bits<1>& to, int lane, const uint8_t* from) {
  for (int step = 0; step < 8; step++) {
    const uint32_t four = from[step / 2] >> (step % 2 * 4) & 15u;
    to.put(lane, step, four * 0x00204081u & 0x01010101u);  // a bit to each byte
  }
}

struct Q4_0 {
  static constexpr int INPUTS = 32, STORED = 18, PARTS = 1, OFFSET = 8, LARGEST = 15;
  static constexpr bool MINIMUM = false, QUICK = true;
  Bits<4> codes;
  Halves scales;

  void put(int lane, const uint8_t* from) { scales.put(lane, from), put_nibbles(codes, lane, from + 2); }
  PONDER_INLINE u8x64 code(int, int step) const { return codes.at(step); }
  PONDER_INLINE f32x16 scale(int, int) const { return scales.get(); }
};

struct alignas(64) Q4_1 {
  static constexpr int INPUTS = 32, STORED = 20, PARTS = 1, OFFSET = 0, LARGEST = 15;
  static constexpr bool MINIMUM = true, QUICK = true;
  Bits<4> codes;
  Halves scales, minima;

  void put(int lane, const uint8_t* from) { scales.put(lane, from), minima.put(lane, from + 2), put_nibbles(codes, lane, from + 4); }
  PONDER_INLINE u8x64 code(int, int step) const { return codes.at(step); }
  PONDER_INLINE f32x16 scale(int, int) const { return scales.get(); }
  PONDER_INLINE f32x16 minimum(int, int) const { return minima.get(); }
};

struct Q5_0 {
  static constexpr int INPUTS = 32, STORED = 22, PARTS = 1, OFFSET = 16, LARGEST = 31;
  static constexpr bool MINIMUM = false, QUICK = false;
  Bits<4> low;
  Bits<1> high;
  Halves scales;

  void put(int lane, const uint8_t* from) { scales.put(lane, from), put_fifths(high, lane, from + 2), put_nibbles(low, lane, from + 6); }
  PONDER_INLINE u8x64 code(int, int step) const { return low.at(step) | high.at(step, 4); }
  PONDER_INLINE f32x16 scale(int, int) const { return scales.get(); }
};

struct Q5_1 {
  static constexpr int INPUTS = 32, STORED = 24, PARTS = 1, OFFSET = 0, LARGEST = 31;
  static constexpr bool MINIMUM = true, QUICK = false;
  Bits<4> low;
  Bits<1> high;
  Halves scales, minima;

  void put(int lane, const uint8_t* from) {
    scales.put(lane, from), minima.put(lane, from + 2);
    put_fifths(high, lane, from + 4), put_nibbles(low, lane, from + 8);
  }
  PONDER_INLINE u8x64 code(int, int step) const { return low.at(step) | high.at(step, 4); }
  PONDER_INLINE f32x16 scale(int, int) const { return scales.get(); }
  PONDER_INLINE f32x16 minimum(int, int) const { return minima.get(); }
};

struct Q8_0 {
  static constexpr int INPUTS = 32, STORED = 34, PARTS = 1, OFFSET = 128, LARGEST = 255;
  static constexpr bool MINIMUM = false, QUICK = true;
  Bits<8> codes;  // + 128
  Halves scales;

  void put(int lane, const uint8_t* from) {
    scales.put(lane, from);
    for (int step = 0; step < 8; step++) codes.put(lane, step, load_word(from + 2 + 4 * step) ^ 0x80808080u);
  }
  PONDER_INLINE u8x64 code(int, int step) const { return codes.at(step); }
  PONDER_INLINE f32x16 scale(int, int) const { return scales.get(); }
};

// Codes of K-quants lie in halves of 128 inputs, of which each byte has input l of 2, 4 or 8 stretches of 32.

struct Q2_K {
  static constexpr int INPUTS = 256, STORED = 84, PARTS = 2, OFFSET = 0, LARGEST = 3;
  static constexpr bool MINIMUM = true, QUICK = false;
  Bits<2> codes[8];
  Bytes16 both[16];  // of 16 inputs: scale in the low nibble, minimum in the high one
  Halves scales, minima;

  void put(int lane, const uint8_t* from) {
    for (int j = 0; j < 16; j++) both[j][lane] = from[j];
    for (int i = 0; i < 256; i += 4) codes[i / 32].put(lane, i % 32 / 4, bits_of<2>(from + 16 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2));
    scales.put(lane, from + 80), minima.put(lane, from + 82);
  }
  PONDER_INLINE u8x64 code(int b, int step) const { return codes[b].at(step); }
  PONDER_INLINE f32x16 scale(int b, int part) const { return scales.get() * load_u4(both[2 * b + part], 0); }
  PONDER_INLINE f32x16 minimum(int b, int part) const { return zero() - minima.get() * load_u4(both[2 * b + part], 4); }
};

struct Q3_K {
  static constexpr int INPUTS = 256, STORED = 110, PARTS = 2, OFFSET = 4, LARGEST = 7;
  static constexpr bool MINIMUM = false, QUICK = false;
  Bits<2> low[8];
  Bits<1> high[8];
  Signed16 of16[16];
  Halves scales;

  void put(int lane, const uint8_t* from) {  // 32 bytes of high, 64 of low bits, 12 of scales, f16 scale
    const uint8_t* six = from + 96;
    for (int i = 0; i < 256; i += 4) {
      low[i / 32].put(lane, i % 32 / 4, bits_of<2>(from + 32 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2));
      high[i / 32].put(lane, i % 32 / 4, bits_of<1>(from + i % 32, i / 32));
    }
    for (int j = 0; j < 16; j++) {
      const int four = six[j % 8] >> (j / 8 * 4) & 15, two = six[8 + j % 4] >> (j / 4 * 2) & 3;
      of16[j][lane] = static_cast<int8_t>((four | two << 4) - 32);
    }
    scales.put(lane, from + 108);
  }
  PONDER_INLINE u8x64 code(int b, int step) const { return low[b].at(step) | high[b].at(step, 2); }
  PONDER_INLINE f32x16 scale(int b, int part) const { return scales.get() * load_i8(of16[2 * b + part]); }
};

// The scales and minima of Q4_K and Q5_K: 8 of 6 bits each, times one of half precision.
struct Sixes {
  Bytes16 scales[8], minima[8];
  Halves scale, minimum;
  void put(int lane, const uint8_t* block) {
    scale.put(lane, block), minimum.put(lane, block + 2);
    const uint8_t* from = block + 4;
    for (int j = 0; j < 8; j++) {
      const bool early = j < 4;
      scales[j][lane] = static_cast<uint8_t>(early ? from[j] & 63 : (from[j + 4] & 15) | (from[j - 4] >> 6) << 4);
      minima[j][lane] = static_cast<uint8_t>(early ? from[j + 4] & 63 : from[j + 4] >> 4 | (from[j] >> 6) << 4);
    }
  }
  PONDER_INLINE f32x16 scale_of(int b) const { return scale.get() * load_u8(scales[b]); }
  PONDER_INLINE f32x16 minimum_of(int b) const { return zero() - minimum.get() * load_u8(minima[b]); }
};

struct Q4_K {
  static constexpr int INPUTS = 256, STORED = 144, PARTS = 1, OFFSET = 0, LARGEST = 15;
  static constexpr bool MINIMUM = true, QUICK = false;
  Bits<4> codes[8];
  Sixes of32;

  void put(int lane, const uint8_t* from) {
    of32.put(lane, from);
    for (int i = 0; i < 256; i += 4) codes[i / 32].put(lane, i % 32 / 4, bits_of<4>(from + 16 + i / 64 * 32 + i % 32, i / 32 % 2 * 4));
  }
  PONDER_INLINE u8x64 code(int b, int step) const { return codes[b].at(step); }
  PONDER_INLINE f32x16 scale(int b, int) const { return of32.scale_of(b); }
  PONDER_INLINE f32x16 minimum(int b, int) const { return of32.minimum_of(b); }
};

struct Q5_K {
  static constexpr int INPUTS = 256, STORED = 176, PARTS = 1, OFFSET = 0, LARGEST = 31;
  static constexpr bool MINIMUM = true, QUICK = false;
  Bits<4> low[8];
  Bits<1> high[8];
  Sixes of32;

  void put(int lane, const uint8_t* from) {  // as Q4_K, with 32 bytes of high bits before the low ones
    of32.put(lane, from);
    for (int i = 0; i < 256; i += 4) {
      low[i / 32].put(lane, i % 32 / 4, bits_of<4>(from + 48 + i / 64 * 32 + i % 32, i / 32 % 2 * 4));
      high[i / 32].put(lane, i % 32 / 4, bits_of<1>(from + 16 + i % 32, i / 32));
    }
  }
  PONDER_INLINE u8x64 code(int b, int step) const { return low[b].at(step) | high[b].at(step, 4); }
  PONDER_INLINE f32x16 scale(int b, int) const { return of32.scale_of(b); }
  PONDER_INLINE f32x16 minimum(int b, int) const { return of32.minimum_of(b); }
};

struct Q6_K {
  static constexpr int INPUTS = 256, STORED = 210, PARTS = 2, OFFSET = 32, LARGEST = 63;
  static constexpr bool MINIMUM = false, QUICK = false;
  Bits<4> low[8];
  Bits<2> high[8];
  Signed16 of16[16];
  Halves scales;

  void put(int lane, const uint8_t* from) {  // 128 bytes of low, 64 of high bits, 16 scales, f16 scale
    for (int i = 0; i < 256; i += 4) {
      low[i / 32].put(lane, i % 32 / 4, bits_of<4>(from + 64 * (i / 128) + i % 64, i / 64 % 2 * 4));
      high[i / 32].put(lane, i % 32 / 4, bits_of<2>(from + 128 + 32 * (i / 128) + i % 32, i / 32 % 4 * 2));
    }
    for (int j = 0; j < 16; j++) of16[j][lane] = static_cast<int8_t>(from[192 + j]);
    scales.put(lane, from + 208);
  }
  PONDER_INLINE u8x64 code(int b, int step) const { return low[b].at(step) | high[b].at(step, 4); }
  PONDER_INLINE f32x16 scale(int b, int part) const { return scales.get() * load_i8(of16[2 * b + part]); }
};

// The values, + 128, that the codes of IQ4 stand for.
constexpr uint8_t IQ4_VALUES[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};

struct IQ4_NL {
  static constexpr int INPUTS = 32, STORED = 18, PARTS = 1, OFFSET = 128, LARGEST = 255;
  static constexpr bool MINIMUM = false, QUICK = false;
  Bits<4> places;
  Halves scales;

  void put(int lane, const uint8_t* from) { scales.put(lane, from), put_nibbles(places, lane, from + 2); }
  PONDER_INLINE u8x64 code(int, int step) const { return look_up(IQ4_VALUES, places.at(step)); }
  PONDER_INLINE f32x16 scale(int, int) const { return scales.get(); }
};

struct IQ4_XS {
  static constexpr int INPUTS = 256, STORED = 136, PARTS = 1, OFFSET = 128, LARGEST = 255;
  static constexpr bool MINIMUM = false, QUICK = false;
  Bits<4> places[8];
  Signed16 of32[8];
  Halves scales;

  void put(int lane, const uint8_t* from) {  // f16 scale, 2 bytes of the high and 4 of the low bits of 8 scales, nibbles
    scales.put(lane, from);
    for (int j = 0; j < 8; j++) {
      const int two = from[2 + j / 4] >> (j % 4 * 2) & 3, four = from[4 + j / 2] >> (j % 2 * 4) & 15;
      of32[j][lane] = static_cast<int8_t>((four | two << 4) - 32);
      put_nibbles(places[j], lane, from + 8 + 16 * j);
    }
  }
  PONDER_INLINE u8x64 code(int b, int step) const { return look_up(IQ4_VALUES, places[b].at(step)); }
  PONDER_INLINE f32x16 scale(int b, int) const { return scales.get() * load_i8(of32[b]); }
};

// Twice the values, + 12, that the codes of MXFP4 stand for: 4-bit floats of half, 1, 1.5, 2, 3, 4, 6 and their negatives.
constexpr uint8_t MXFP4_VALUES[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

struct MXFP4 {
  static constexpr int INPUTS = 32, STORED = 17, PARTS = 1, OFFSET = 12, LARGEST = 24;
  static constexpr bool MINIMUM = false, QUICK = false;
  Bits<4> places;
  Bytes16 exponents;  // scale = 2^(exponent - 128), for twice the values

  void put(int lane, const uint8_t* from) { exponents[lane] = from[0], put_nibbles(places, lane, from + 1); }
  PONDER_INLINE u8x64 code(int, int step) const { return look_up(MXFP4_VALUES, places.at(step)); }
  PONDER_INLINE f32x16 scale(int, int) const {
    const f32x16 n = load_u8(exponents) - splat(128.0f), half = round(n * splat(0.5f));
    return power_of_two(half) * power_of_two(n - half);  // 2^-128 by itself is too small
  }
};

}  // namespace ponder::PONDER_ISA
