// Sixteen lanes of arithmetic, the same names for every instruction set.
//
// A translation unit that includes this is compiled once per instruction set, with PONDER_ISA naming the
// namespace its code lives in. Additions across lanes have one fixed order, so results do not depend on
// how a loop was cut.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#if (defined(__AVX512F__) && defined(__AVX512VNNI__) && defined(__AVX512BF16__)) || defined(PONDER_EMULATE_AVX512)
#define PONDER_AVX512 1
#include <immintrin.h>
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define PONDER_AVX2 1
#if defined(__AVXVNNI__) || defined(PONDER_EMULATE_AVXVNNI)
#define PONDER_VNNI 1
#endif
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#define PONDER_NEON 1
#include <arm_neon.h>
#endif

#define PONDER_INLINE inline __attribute__((always_inline))
#if PONDER_AVX512 || PONDER_AVX2 || PONDER_NEON
#define PONDER_UNROLL _Pragma("GCC unroll 16")
#else
#define PONDER_UNROLL  // the compiler makes many instructions of an operation already
#endif

#if defined(PONDER_EMULATE_AVX512) || defined(PONDER_EMULATE_AVXVNNI)
#include "emulated.h"
#endif

static_assert(std::endian::native == std::endian::little, "codes are packed by words, the first byte the lowest");

namespace ponder::PONDER_ISA {

constexpr int LANES = 16;

// Asks for the lines of [p, p + bytes), which may lie anywhere.
PONDER_INLINE void prefetch(const uint8_t* p, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i, 0, 2);
}

#if PONDER_AVX512

struct f32x16 { __m512 v; };
struct i32x16 { __m512i v; };
struct u8x64 { __m512i v; };

PONDER_INLINE f32x16 zero() { return {_mm512_setzero_ps()}; }
PONDER_INLINE f32x16 splat(float x) { return {_mm512_set1_ps(x)}; }
PONDER_INLINE f32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
PONDER_INLINE void store(float* p, f32x16 x) { _mm512_storeu_ps(p, x.v); }
PONDER_INLINE __mmask16 first(int n) { return static_cast<__mmask16>(n >= 16 ? 0xffff : (1u << n) - 1); }
PONDER_INLINE f32x16 load_first(const float* p, int n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
PONDER_INLINE void store_first(float* p, f32x16 x, int n) { _mm512_mask_storeu_ps(p, first(n), x.v); }
PONDER_INLINE f32x16 operator+(f32x16 a, f32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
PONDER_INLINE f32x16 operator-(f32x16 a, f32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
PONDER_INLINE f32x16 operator*(f32x16 a, f32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
PONDER_INLINE f32x16 operator/(f32x16 a, f32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
PONDER_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
PONDER_INLINE f32x16 max(f32x16 a, f32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
PONDER_INLINE f32x16 min(f32x16 a, f32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
PONDER_INLINE f32x16 abs(f32x16 a) { return {_mm512_abs_ps(a.v)}; }
PONDER_INLINE f32x16 round(f32x16 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
// a where x < y, else b
PONDER_INLINE f32x16 where_less(f32x16 x, f32x16 y, f32x16 a, f32x16 b) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, y.v, _CMP_LT_OQ), b.v, a.v)};
}
// Bit i set where x[i] < y[i].
PONDER_INLINE uint32_t less_mask(f32x16 x, f32x16 y) { return _mm512_cmp_ps_mask(x.v, y.v, _CMP_LT_OQ); }
PONDER_INLINE uint32_t equal_mask(f32x16 x, f32x16 y) { return _mm512_cmp_ps_mask(x.v, y.v, _CMP_EQ_OQ); }
// a where the bit is set, else b
PONDER_INLINE f32x16 select(uint32_t bits, f32x16 a, f32x16 b) {
  return {_mm512_mask_blend_ps(static_cast<__mmask16>(bits), b.v, a.v)};
}
// 2^n for whole n, which must be in [-126, 127].
PONDER_INLINE f32x16 power_of_two(f32x16 n) {
  __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(e, 23))};
}
// a * 2^n for whole n <= 127
PONDER_INLINE f32x16 scale_by_power(f32x16 a, f32x16 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
PONDER_INLINE float sum(f32x16 a) {
  __m256 x = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  y = _mm_add_ps(y, _mm_movehl_ps(y, y));
  return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
PONDER_INLINE float largest(f32x16 a) { return _mm512_reduce_max_ps(a.v); }
PONDER_INLINE f32x16 load_f16(const uint16_t* p) { return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))}; }
PONDER_INLINE f32x16 load_bf16(const uint16_t* p) {
  __m512i x = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(x, 16))};
}
PONDER_INLINE void store_bf16(uint16_t* p, f32x16 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x.v)));
}
PONDER_INLINE f32x16 load_u8(const uint8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
PONDER_INLINE f32x16 load_i8(const int8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
// Sixteen floats, whole and within [-128, 127], as int8.
PONDER_INLINE void store_i8(int8_t* p, f32x16 x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x.v)));
}

PONDER_INLINE i32x16 splat_i32(int32_t x) { return {_mm512_set1_epi32(x)}; }
PONDER_INLINE f32x16 to_float(i32x16 x) { return {_mm512_cvtepi32_ps(x.v)}; }
PONDER_INLINE u8x64 load_bytes(const void* p) { return {_mm512_loadu_si512(p)}; }
PONDER_INLINE u8x64 operator&(u8x64 a, u8x64 b) { return {_mm512_and_si512(a.v, b.v)}; }
PONDER_INLINE u8x64 operator|(u8x64 a, u8x64 b) { return {_mm512_or_si512(a.v, b.v)}; }
PONDER_INLINE u8x64 splat_byte(uint8_t x) { return {_mm512_set1_epi8(static_cast<char>(x))}; }
PONDER_INLINE u8x64 as_bytes(f32x16 x) { return {_mm512_castps_si512(x.v)}; }
// Shifts of 16-bit lanes: mask the bytes afterwards.
PONDER_INLINE u8x64 shift_right(u8x64 a, int n) { return {_mm512_srli_epi16(a.v, static_cast<unsigned>(n))}; }
PONDER_INLINE u8x64 shift_left(u8x64 a, int n) { return {_mm512_slli_epi16(a.v, static_cast<unsigned>(n))}; }
// The bytes of a table of 16 that are at these places, all below 16.
PONDER_INLINE u8x64 look_up(const uint8_t (&table)[16], u8x64 places) {
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), places.v)};
}
// Each lane: sum + w[0]*x[0] + ... + w[3]*x[3], w unsigned, the four signed bytes at x the same for all lanes.
PONDER_INLINE i32x16 dot4(i32x16 sum, u8x64 w, const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, 4);
  return {_mm512_dpbusd_epi32(sum.v, w.v, _mm512_set1_epi32(four))};
}
// Each lane: sum + pair . x of bfloat16 pairs, the pair at x the same for all lanes.
PONDER_INLINE f32x16 dot2_bf16(f32x16 sum, u8x64 pairs, const uint16_t* x) {
  int32_t two;
  std::memcpy(&two, x, 4);
  return {_mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(pairs.v), reinterpret_cast<__m512bh>(_mm512_set1_epi32(two)))};
}

#elif PONDER_NEON

#include "simd_neon.h"

#else  // two AVX2 halves, or whatever the compiler makes of sixteen lanes

typedef float floats __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
typedef uint32_t words __attribute__((vector_size(64)));

#if PONDER_AVX2

struct f32x16 { __m256 lo, hi; };
struct i32x16 { __m256i lo, hi; };
struct u8x64 { __m256i lo, hi; };

PONDER_INLINE f32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
PONDER_INLINE f32x16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
PONDER_INLINE f32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
PONDER_INLINE void store(float* p, f32x16 x) { _mm256_storeu_ps(p, x.lo); _mm256_storeu_ps(p + 8, x.hi); }
PONDER_INLINE f32x16 operator+(f32x16 a, f32x16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
PONDER_INLINE f32x16 operator-(f32x16 a, f32x16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
PONDER_INLINE f32x16 operator*(f32x16 a, f32x16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
PONDER_INLINE f32x16 operator/(f32x16 a, f32x16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
PONDER_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
PONDER_INLINE f32x16 max(f32x16 a, f32x16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
PONDER_INLINE f32x16 min(f32x16 a, f32x16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
PONDER_INLINE f32x16 abs(f32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
PONDER_INLINE f32x16 round(f32x16 a) {
  constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.lo, nearest), _mm256_round_ps(a.hi, nearest)};
}
PONDER_INLINE f32x16 where_less(f32x16 x, f32x16 y, f32x16 a, f32x16 b) {
  return {_mm256_blendv_ps(b.lo, a.lo, _mm256_cmp_ps(x.lo, y.lo, _CMP_LT_OQ)),
          _mm256_blendv_ps(b.hi, a.hi, _mm256_cmp_ps(x.hi, y.hi, _CMP_LT_OQ))};
}
PONDER_INLINE uint32_t less_mask(f32x16 x, f32x16 y) {
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x.lo, y.lo, _CMP_LT_OQ))) |
         static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x.hi, y.hi, _CMP_LT_OQ))) << 8;
}
PONDER_INLINE uint32_t equal_mask(f32x16 x, f32x16 y) {
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x.lo, y.lo, _CMP_EQ_OQ))) |
         static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x.hi, y.hi, _CMP_EQ_OQ))) << 8;
}
PONDER_INLINE f32x16 power_of_two(f32x16 n) {
  const __m256i bias = _mm256_set1_epi32(127);
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.lo), bias), 23)),
          _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.hi), bias), 23))};
}
PONDER_INLINE float sum(f32x16 a) {
  __m256 x = _mm256_add_ps(a.lo, a.hi);
  __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  y = _mm_add_ps(y, _mm_movehl_ps(y, y));
  return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
PONDER_INLINE f32x16 load_f16(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}
PONDER_INLINE __m256 widen_bf16(const uint16_t* p) {
  __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
}
PONDER_INLINE f32x16 load_bf16(const uint16_t* p) { return {widen_bf16(p), widen_bf16(p + 8)}; }
PONDER_INLINE f32x16 load_u8(const uint8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))),
          _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8))))};
}
PONDER_INLINE f32x16 load_i8(const int8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8))))};
}
PONDER_INLINE void store_i8(int8_t* p, f32x16 x) {
  const __m256i whole = _mm256_packs_epi32(_mm256_cvtps_epi32(x.lo), _mm256_cvtps_epi32(x.hi));  // quarters 0 2 1 3
  const __m256i ordered = _mm256_permute4x64_epi64(whole, 0xd8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}
PONDER_INLINE float largest(f32x16 a) {
  const __m256 x = _mm256_max_ps(a.lo, a.hi);
  __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  y = _mm_max_ps(y, _mm_movehl_ps(y, y));
  return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}
// Ones in the lanes whose bit is set.
PONDER_INLINE __m256i lanes_of(uint32_t bits) {
  const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int32_t>(bits)), each), each);
}
PONDER_INLINE f32x16 select(uint32_t bits, f32x16 a, f32x16 b) {
  return {_mm256_blendv_ps(b.lo, a.lo, _mm256_castsi256_ps(lanes_of(bits))), _mm256_blendv_ps(b.hi, a.hi, _mm256_castsi256_ps(lanes_of(bits >> 8)))};
}
PONDER_INLINE f32x16 load_first(const float* p, int n) {
  if (n >= LANES) return load(p);
  const uint32_t bits = (1u << n) - 1;
  return {_mm256_maskload_ps(p, lanes_of(bits)), _mm256_maskload_ps(p + 8, lanes_of(bits >> 8))};
}
PONDER_INLINE void store_first(float* p, f32x16 x, int n) {
  if (n >= LANES) return store(p, x);
  const uint32_t bits = (1u << n) - 1;
  _mm256_maskstore_ps(p, lanes_of(bits), x.lo);
  _mm256_maskstore_ps(p + 8, lanes_of(bits >> 8), x.hi);
}
// Rounded to the nearest, ties to even; NaN stays NaN.
PONDER_INLINE __m256i narrow_bf16(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(1);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(_mm256_set1_epi32(0x7fff), odd));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(64 << 16));
  const __m256 nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
  return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(nan)), 16);
}
PONDER_INLINE void store_bf16(uint16_t* p, f32x16 x) {
  const __m256i both = _mm256_packus_epi32(narrow_bf16(x.lo), narrow_bf16(x.hi));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(both, 0xd8));
}

PONDER_INLINE i32x16 splat_i32(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
PONDER_INLINE f32x16 to_float(i32x16 x) { return {_mm256_cvtepi32_ps(x.lo), _mm256_cvtepi32_ps(x.hi)}; }
PONDER_INLINE u8x64 load_bytes(const void* p) {
  auto bytes = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(bytes), _mm256_loadu_si256(bytes + 1)};
}
PONDER_INLINE u8x64 operator&(u8x64 a, u8x64 b) { return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)}; }
PONDER_INLINE u8x64 operator|(u8x64 a, u8x64 b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
PONDER_INLINE u8x64 splat_byte(uint8_t x) { return {_mm256_set1_epi8(static_cast<char>(x)), _mm256_set1_epi8(static_cast<char>(x))}; }
PONDER_INLINE u8x64 as_bytes(f32x16 x) { return {_mm256_castps_si256(x.lo), _mm256_castps_si256(x.hi)}; }
PONDER_INLINE u8x64 shift_right(u8x64 a, int n) { return {_mm256_srli_epi16(a.lo, n), _mm256_srli_epi16(a.hi, n)}; }
PONDER_INLINE u8x64 shift_left(u8x64 a, int n) { return {_mm256_slli_epi16(a.lo, n), _mm256_slli_epi16(a.hi, n)}; }
PONDER_INLINE u8x64 look_up(const uint8_t (&table)[16], u8x64 places) {
  const __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  return {_mm256_shuffle_epi8(both, places.lo), _mm256_shuffle_epi8(both, places.hi)};
}
PONDER_INLINE __m256i four_bytes(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, 4);
  return _mm256_set1_epi32(four);
}
PONDER_INLINE __m256i add_pairs(__m256i pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }
// The same, in a register, now: GCC would add in another order, with more sums than there are registers.
PONDER_INLINE __m256i keep(__m256i x) {
  asm("" : "+x"(x));
  return x;
}

#else  // portable

struct f32x16 { floats v; };
struct i32x16 { ints v; };
struct u8x64 { words v; };

PONDER_INLINE f32x16 splat(float x) { return {floats{} + x}; }
PONDER_INLINE f32x16 zero() { return {floats{}}; }
PONDER_INLINE f32x16 load(const float* p) { f32x16 x; std::memcpy(&x, p, 64); return x; }
PONDER_INLINE void store(float* p, f32x16 x) { std::memcpy(p, &x, 64); }
PONDER_INLINE f32x16 operator+(f32x16 a, f32x16 b) { return {a.v + b.v}; }
PONDER_INLINE f32x16 operator-(f32x16 a, f32x16 b) { return {a.v - b.v}; }
PONDER_INLINE f32x16 operator*(f32x16 a, f32x16 b) { return {a.v * b.v}; }
PONDER_INLINE f32x16 operator/(f32x16 a, f32x16 b) { return {a.v / b.v}; }
PONDER_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return {a.v * b.v + c.v}; }
PONDER_INLINE f32x16 max(f32x16 a, f32x16 b) { return {a.v > b.v ? a.v : b.v}; }
PONDER_INLINE f32x16 min(f32x16 a, f32x16 b) { return {a.v < b.v ? a.v : b.v}; }
PONDER_INLINE f32x16 abs(f32x16 a) { return {(floats)((words)a.v & 0x7fffffffu)}; }
PONDER_INLINE f32x16 round(f32x16 a) { for (int i = 0; i < LANES; i++) a.v[i] = std::nearbyintf(a.v[i]); return a; }
PONDER_INLINE f32x16 where_less(f32x16 x, f32x16 y, f32x16 a, f32x16 b) { return {x.v < y.v ? a.v : b.v}; }
PONDER_INLINE uint32_t less_mask(f32x16 x, f32x16 y) { uint32_t m = 0; for (int i = 0; i < LANES; i++) m |= static_cast<uint32_t>(x.v[i] < y.v[i]) << i; return m; }
PONDER_INLINE uint32_t equal_mask(f32x16 x, f32x16 y) { uint32_t m = 0; for (int i = 0; i < LANES; i++) m |= static_cast<uint32_t>(x.v[i] == y.v[i]) << i; return m; }
PONDER_INLINE f32x16 power_of_two(f32x16 n) { return {(floats)((__builtin_convertvector(n.v, ints) + 127) << 23)}; }
PONDER_INLINE float sum(f32x16 a) {
  float s[LANES];
  store(s, a);
  for (int half = 8; half > 0; half /= 2) for (int i = 0; i < half; i++) s[i] += s[i + half];
  return s[0];
}
PONDER_INLINE float widen_f16(uint16_t h) {
  uint32_t sign = (h & 0x8000u) << 16, magnitude = h & 0x7fffu;
  float x = magnitude >= 0x7c00 ? std::bit_cast<float>((magnitude << 13) | 0x7f800000u)
                                : std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(x) | sign);
}
PONDER_INLINE f32x16 load_f16(const uint16_t* p) { f32x16 x; for (int i = 0; i < LANES; i++) x.v[i] = widen_f16(p[i]); return x; }
PONDER_INLINE f32x16 load_bf16(const uint16_t* p) { f32x16 x; for (int i = 0; i < LANES; i++) x.v[i] = std::bit_cast<float>(static_cast<uint32_t>(p[i]) << 16); return x; }
PONDER_INLINE f32x16 load_u8(const uint8_t* p) { f32x16 x; for (int i = 0; i < LANES; i++) x.v[i] = p[i]; return x; }
PONDER_INLINE f32x16 load_i8(const int8_t* p) { f32x16 x; for (int i = 0; i < LANES; i++) x.v[i] = p[i]; return x; }
PONDER_INLINE void store_i8(int8_t* p, f32x16 x) { for (int i = 0; i < LANES; i++) p[i] = static_cast<int8_t>(x.v[i]); }

PONDER_INLINE i32x16 splat_i32(int32_t x) { return {ints{} + x}; }
PONDER_INLINE f32x16 to_float(i32x16 x) { return {__builtin_convertvector(x.v, floats)}; }
PONDER_INLINE u8x64 load_bytes(const void* p) { u8x64 x; std::memcpy(&x, p, 64); return x; }
PONDER_INLINE u8x64 operator&(u8x64 a, u8x64 b) { return {a.v & b.v}; }
PONDER_INLINE u8x64 operator|(u8x64 a, u8x64 b) { return {a.v | b.v}; }
PONDER_INLINE u8x64 splat_byte(uint8_t x) { return {words{} + x * 0x01010101u}; }
PONDER_INLINE u8x64 as_bytes(f32x16 x) { return {(words)x.v}; }
// Bits may cross bytes here: callers mask them away, as they do those that cross within 16 bits elsewhere.
PONDER_INLINE u8x64 shift_right(u8x64 a, int n) { return {a.v >> n}; }
PONDER_INLINE u8x64 shift_left(u8x64 a, int n) { return {a.v << n}; }
PONDER_INLINE u8x64 look_up(const uint8_t (&table)[16], u8x64 places) {
  uint8_t bytes[64];
  std::memcpy(bytes, &places, 64);
  for (uint8_t& byte : bytes) byte = table[byte & 15];
  return load_bytes(bytes);
}
PONDER_INLINE i32x16 dot4(i32x16 sum, u8x64 w, const int8_t* x) {
  for (int i = 0; i < 4; i++) sum.v += (ints)(w.v >> (8 * i) & 255u) * static_cast<int32_t>(x[i]);
  return sum;
}
PONDER_INLINE f32x16 select(uint32_t bits, f32x16 a, f32x16 b) {
  float x[LANES], y[LANES];
  store(x, a);
  store(y, b);
  for (int i = 0; i < LANES; i++) y[i] = bits >> i & 1 ? x[i] : y[i];
  return load(y);
}
PONDER_INLINE float largest(f32x16 a) {
  float x[LANES];
  store(x, a);
  float m = x[0];
  for (int i = 1; i < LANES; i++) m = x[i] > m ? x[i] : m;
  return m;
}
PONDER_INLINE f32x16 load_first(const float* p, int n) {
  float x[LANES] = {};
  std::memcpy(x, p, sizeof(float) * static_cast<size_t>(n < LANES ? n : LANES));
  return load(x);
}
PONDER_INLINE void store_first(float* p, f32x16 x, int n) {
  float y[LANES];
  store(y, x);
  std::memcpy(p, y, sizeof(float) * static_cast<size_t>(n < LANES ? n : LANES));
}
PONDER_INLINE void store_bf16(uint16_t* p, f32x16 x) {
  float y[LANES];
  store(y, x);
  for (int i = 0; i < LANES; i++) {
    uint32_t bits = std::bit_cast<uint32_t>(y[i]);
    bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    p[i] = static_cast<uint16_t>(nan ? (bits >> 16) | 64 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
}

#endif  // AVX2

#endif

#if !PONDER_AVX512
// a * 2^n for whole n <= 127; zero below -126
PONDER_INLINE f32x16 scale_by_power(f32x16 a, f32x16 n) {
  const f32x16 lowest = splat(-126.0f);
  return where_less(n, lowest, zero(), a * power_of_two(max(n, lowest)));
}
#endif

// 2^x for finite x <= 0, zero far below -126; relative error under 3e-6 with DEGREE 4, 2e-7 with 6 (least squares).
template <int DEGREE>
PONDER_INLINE f32x16 exp2(f32x16 x) {
  constexpr float C4[] = {9.56051e-3f, 5.591704e-2f, 2.4024981e-1f, 6.9312197e-1f, 0.99999919f};
  constexpr float C6[] = {1.53375770e-4f, 1.33998604e-3f, 9.61851953e-3f, 5.55032900e-2f, 2.40226466e-1f, 6.93147206e-1f, 1.0f};
  const f32x16 n = round(x), f = x - n;  // f in [-1/2, 1/2]
  f32x16 p = splat(DEGREE == 4 ? C4[0] : C6[0]);
  PONDER_UNROLL for (int i = 1; i <= DEGREE; i++) p = fma(p, f, splat(DEGREE == 4 ? C4[i] : C6[i]));
  return scale_by_power(p, n);
}

// e^x for x <= 88, zero below -87.3; relative error under 2e-7.
PONDER_INLINE f32x16 exp(f32x16 x) {
  const f32x16 lowest = splat(-87.33f);
  f32x16 bounded = max(x, lowest);
  f32x16 n = round(bounded * splat(1.44269504088896341f));
  f32x16 r = fma(n, splat(-0.693359375f), bounded);  // ln 2 in two parts
  r = fma(n, splat(2.12194440e-4f), r);
  f32x16 p = splat(1.9875691500e-4f);  // Cephes
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p, r * r, r + splat(1.0f));
  return where_less(x, lowest, zero(), p * power_of_two(n));
}

// Sixteen sums in double precision.
#if PONDER_AVX512
struct f64x16 { __m512d lo, hi; };
PONDER_INLINE f64x16 zero64() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
PONDER_INLINE f64x16 operator+(f64x16 a, f64x16 b) { return {_mm512_add_pd(a.lo, b.lo), _mm512_add_pd(a.hi, b.hi)}; }
PONDER_INLINE f64x16 widen(f32x16 x) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(x.v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1))};
}
#elif PONDER_AVX2
struct f64x16 { __m256d v[4]; };
PONDER_INLINE f64x16 zero64() { return {{_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()}}; }
PONDER_INLINE f64x16 operator+(f64x16 a, f64x16 b) {
  PONDER_UNROLL for (int i = 0; i < 4; i++) a.v[i] = _mm256_add_pd(a.v[i], b.v[i]);
  return a;
}
PONDER_INLINE f64x16 widen(f32x16 x) {
  return {{_mm256_cvtps_pd(_mm256_castps256_ps128(x.lo)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.lo, 1)),
           _mm256_cvtps_pd(_mm256_castps256_ps128(x.hi)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.hi, 1))}};
}
#elif !PONDER_NEON
struct f64x16 { double v[LANES]; };
PONDER_INLINE f64x16 zero64() { return {}; }
PONDER_INLINE f64x16 operator+(f64x16 a, f64x16 b) { for (int i = 0; i < LANES; i++) a.v[i] += b.v[i]; return a; }
PONDER_INLINE f64x16 widen(f32x16 x) {
  f64x16 y;
  for (int i = 0; i < LANES; i++) y.v[i] = static_cast<double>(x.v[i]);
  return y;
}
#endif
PONDER_INLINE void store(double* p, f64x16 x) { std::memcpy(p, &x, sizeof x); }
PONDER_INLINE double sum(f64x16 x) {
  alignas(64) double s[LANES];
  store(s, x);
  for (int half = LANES / 2; half > 0; half /= 2) for (int i = 0; i < half; i++) s[i] += s[i + half];
  return s[0];
}

// Puts the elements whose bit is set one after another and returns how many they are. Sixteen may be written, and
// `to` may lie before where x was loaded from.
PONDER_INLINE int compress(float* to, f32x16 x, uint32_t bits) {
#if PONDER_AVX512
  store(to, {_mm512_maskz_compress_ps(static_cast<__mmask16>(bits), x.v)});
  return std::popcount(bits);
#else
  float lanes[LANES];
  store(lanes, x);
  int count = 0;
  for (; bits; bits &= bits - 1) to[count++] = lanes[std::countr_zero(bits)];
  return count;
#endif
}
PONDER_INLINE void compress_tokens(int32_t* to, const int32_t* from, uint32_t bits) {
#if PONDER_AVX512
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), _mm512_loadu_si512(from)));
#else
  for (; bits; bits &= bits - 1) *to++ = from[std::countr_zero(bits)];
#endif
}
PONDER_INLINE void compress_tokens(int32_t* to, int32_t first, uint32_t bits) {
#if PONDER_AVX512
  const __m512i steps = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), _mm512_add_epi32(steps, _mm512_set1_epi32(first))));
#else
  for (; bits; bits &= bits - 1) *to++ = first + std::countr_zero(bits);
#endif
}

#if !PONDER_NEON
constexpr bool SHIFTS_BYTES = false;  // whether bits that are shifted stay in their bytes

// The nibbles at bit `from` of sixteen bytes.
PONDER_INLINE f32x16 load_u4(const uint8_t* p, int from) {
  uint8_t nibbles[LANES];
  for (int i = 0; i < LANES; i++) nibbles[i] = p[i] >> from & 15;
  return load_u8(nibbles);
}
#endif

// Sixteen lanes are read and unpacked together, but summed a register at a time: all sixteen with AVX-512, eight with AVX2,
// four with NEON.
#if PONDER_AVX2
constexpr int PIECES = 2;
struct Floats { __m256 v; };
struct Ints { __m256i v; };
struct Codes { __m256i v; };
PONDER_INLINE Floats piece(f32x16 x, int i) { return {i ? x.hi : x.lo}; }
PONDER_INLINE Codes piece(u8x64 x, int i) { return {i ? x.hi : x.lo}; }
PONDER_INLINE Floats everywhere(float x) { return {_mm256_set1_ps(x)}; }
PONDER_INLINE Floats operator*(Floats a, Floats b) { return {_mm256_mul_ps(a.v, b.v)}; }
PONDER_INLINE Floats fma(Floats a, Floats b, Floats c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
PONDER_INLINE Floats to_float(Ints x) { return {_mm256_cvtepi32_ps(x.v)}; }
PONDER_INLINE Floats load_piece(const float* p) { return {_mm256_loadu_ps(p)}; }
PONDER_INLINE void store(float* p, Floats x) { _mm256_storeu_ps(p, x.v); }
#if PONDER_VNNI
PONDER_INLINE Ints everywhere(int32_t x) { return {_mm256_set1_epi32(x)}; }
PONDER_INLINE Ints dot4(Ints sum, Codes w, const int8_t* x) { return {_mm256_dpbusd_avx_epi32(sum.v, w.v, four_bytes(x))}; }
#endif
PONDER_INLINE Floats load_piece(const float* p, int n) { return {_mm256_maskload_ps(p, lanes_of((1u << n) - 1))}; }
PONDER_INLINE void store_first(float* p, Floats x, int n) { _mm256_maskstore_ps(p, lanes_of((1u << n) - 1), x.v); }
#elif !PONDER_NEON
constexpr int PIECES = 1;
using Floats = f32x16;
using Ints = i32x16;
using Codes = u8x64;
PONDER_INLINE Floats piece(f32x16 x, int) { return x; }
PONDER_INLINE Codes piece(u8x64 x, int) { return x; }
PONDER_INLINE Floats everywhere(float x) { return splat(x); }
PONDER_INLINE Ints everywhere(int32_t x) { return splat_i32(x); }
PONDER_INLINE Floats load_piece(const float* p) { return load(p); }
PONDER_INLINE Floats load_piece(const float* p, int n) { return load_first(p, n); }
#endif
constexpr int WIDTH = LANES / PIECES;

#if !PONDER_AVX512 && !PONDER_NEON
// The two bfloat16 in each four bytes.
struct Pair { Floats first, second; };
PONDER_INLINE Pair open_pairs(Floats pairs) {
#if PONDER_AVX2
  const __m256i bits = _mm256_castps_si256(pairs.v), high = _mm256_set1_epi32(static_cast<int32_t>(0xffff0000));
  return {{_mm256_castsi256_ps(_mm256_slli_epi32(bits, 16))}, {_mm256_castsi256_ps(_mm256_and_si256(bits, high))}};
#else
  const words bits = (words)pairs.v;
  return {{(floats)(bits << 16)}, {(floats)(bits & 0xffff0000u)}};
#endif
}
#endif

// In each lane, the exact sum of the products of a block's codes, less OFFSET, and of signed bytes that are the same for all
// lanes. Codes are unsigned and at most LARGEST. `begin` is told the bytes' sum; an `add` takes the codes of STEPS steps.
template <int LARGEST, int OFFSET>
struct Dots;

#if PONDER_AVX2 && !PONDER_VNNI
// vpmaddubsw adds products by pairs, in 16 bits; those of so many `add`s together fit there, too.
constexpr int adds_that_fit(int largest) { return 32767 / (2 * largest * 128) / 2; }

template <int LARGEST, int OFFSET>
  requires(adds_that_fit(LARGEST) > 0)
struct Dots<LARGEST, OFFSET> {
  static constexpr int STEPS = 2;
  __m256i sums, pairs;
  int held;
  PONDER_INLINE void begin(int32_t total) { sums = _mm256_set1_epi32(-OFFSET * total), pairs = sums, held = 0; }
  PONDER_INLINE void add(const Codes (&codes)[STEPS], const int8_t* x) {
    const __m256i first = _mm256_maddubs_epi16(codes[0].v, four_bytes(x)), second = _mm256_maddubs_epi16(codes[1].v, four_bytes(x + 4));
    pairs = held ? keep(_mm256_add_epi16(pairs, first)) : first;
    pairs = keep(_mm256_add_epi16(pairs, second));
    if (++held == adds_that_fit(LARGEST)) sums = keep(total().v), held = 0;
  }
  PONDER_INLINE Ints total() const { return {held ? _mm256_add_epi32(sums, add_pairs(pairs)) : sums}; }
};

// Codes of 8 bits: signed, and their signs moved to the bytes, so that pairs of products fit 16 bits.
template <int LARGEST>
  requires(LARGEST > 127)
struct Dots<LARGEST, 128> {
  static constexpr int STEPS = 1;
  __m256i sums;
  PONDER_INLINE void begin(int32_t) { sums = _mm256_setzero_si256(); }
  PONDER_INLINE void add(const Codes (&codes)[STEPS], const int8_t* x) {
    const __m256i w = _mm256_xor_si256(codes[0].v, _mm256_set1_epi8(-128));
    sums = keep(_mm256_add_epi32(sums, add_pairs(_mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(four_bytes(x), w)))));
  }
  PONDER_INLINE Ints total() const { return {sums}; }
};
#elif !PONDER_NEON
template <int LARGEST, int OFFSET>
struct Dots {
  static constexpr int STEPS = 2;
  Ints sums;
  PONDER_INLINE void begin(int32_t total) { sums = everywhere(-OFFSET * total); }
  PONDER_INLINE void add(const Codes (&codes)[STEPS], const int8_t* x) { sums = dot4(dot4(sums, codes[0], x), codes[1], x + 4); }
  PONDER_INLINE Ints total() const { return sums; }
};
#endif

}  // namespace ponder::PONDER_ISA
