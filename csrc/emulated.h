// The instructions of AVX-512 and AVX-VNNI that `simd.h` uses, of two instructions of AVX2, or lane by lane as Intel's
// Software Developer's Manual describes them. With PONDER_EMULATE the kernels for those processors are compiled over these,
// so that their tests run where there is AVX2 only (`make emulated`). Calls find these names before the compiler's
// own, which are outside the namespace.
#pragma once

namespace ponder::PONDER_ISA {

template <class T, int N>
struct Lanes { T v[N]; };
using Floats16 = Lanes<float, 16>;
using Ints16 = Lanes<int32_t, 16>;

template <class To, class From>
PONDER_INLINE To as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
// A vector whose lanes of type T are f(0), f(1), ...
template <class Vector, class T, class F>
PONDER_INLINE Vector each(F f) {
  Lanes<T, sizeof(Vector) / sizeof(T)> y;
  for (int i = 0; i < static_cast<int>(sizeof y / sizeof(T)); i++) y.v[i] = static_cast<T>(f(i));
  return as<Vector>(y);
}

// Each 32-bit lane: sum + the products of four unsigned bytes with four signed ones, those at even places and at odd ones.
PONDER_INLINE __m256i dpbusd(__m256i sum, __m256i w, __m256i x) {
  __m256i even = _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(0xff)), _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8));
  __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w, 8), _mm256_srai_epi16(x, 8));
  return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

#if PONDER_VNNI
PONDER_INLINE __m256i _mm256_dpbusd_avx_epi32(__m256i sum, __m256i w, __m256i x) { return dpbusd(sum, w, x); }
#endif

#if PONDER_AVX512
template <class F>
PONDER_INLINE __m512 floats_of(F f) { return each<__m512, float>(f); }
template <class T>
struct Split { T lo, hi; };
PONDER_INLINE Split<__m256> split(__m512 a) { return as<Split<__m256>>(a); }
PONDER_INLINE Split<__m256i> split(__m512i a) { return as<Split<__m256i>>(a); }
// What AVX2 does to each half.
template <class To, class F, class... Vector>
PONDER_INLINE To both(F f, Vector... v) {
  return as<To>(Split<decltype(f(split(v).lo...))>{f(split(v).lo...), f(split(v).hi...)});
}
PONDER_INLINE bool has(__mmask16 bits, int i) { return bits >> i & 1; }

PONDER_INLINE __m512 _mm512_setzero_ps() { return __m512{}; }
PONDER_INLINE __m512 _mm512_set1_ps(float x) { return as<__m512>(Split<__m256>{_mm256_set1_ps(x), _mm256_set1_ps(x)}); }
PONDER_INLINE __m512 _mm512_loadu_ps(const void* p) { return as<__m512>(*static_cast<const Floats16*>(p)); }
PONDER_INLINE void _mm512_storeu_ps(void* p, __m512 x) { std::memcpy(p, &x, sizeof x); }
PONDER_INLINE __m512 _mm512_maskz_loadu_ps(__mmask16 bits, const void* p) {
  return floats_of([=](int i) { return has(bits, i) ? static_cast<const float*>(p)[i] : 0.0f; });
}
PONDER_INLINE void _mm512_mask_storeu_ps(void* p, __mmask16 bits, __m512 x) {
  for (int i = 0; i < 16; i++) if (has(bits, i)) static_cast<float*>(p)[i] = x[i];
}
PONDER_INLINE __m512 _mm512_add_ps(__m512 a, __m512 b) { return a + b; }
PONDER_INLINE __m512 _mm512_sub_ps(__m512 a, __m512 b) { return a - b; }
PONDER_INLINE __m512 _mm512_mul_ps(__m512 a, __m512 b) { return a * b; }
PONDER_INLINE __m512 _mm512_div_ps(__m512 a, __m512 b) { return a / b; }
PONDER_INLINE __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  return both<__m512>([](__m256 x, __m256 y, __m256 z) { return _mm256_fmadd_ps(x, y, z); }, a, b, c);
}
PONDER_INLINE __m512 _mm512_max_ps(__m512 a, __m512 b) { return both<__m512>([](__m256 x, __m256 y) { return _mm256_max_ps(x, y); }, a, b); }
PONDER_INLINE __m512 _mm512_min_ps(__m512 a, __m512 b) { return both<__m512>([](__m256 x, __m256 y) { return _mm256_min_ps(x, y); }, a, b); }
PONDER_INLINE __m512 _mm512_abs_ps(__m512 a) { return both<__m512>([](__m256 x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }, a); }
PONDER_INLINE __m512 _mm512_roundscale_ps(__m512 a, int) { return both<__m512>([](__m256 x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }, a); }
PONDER_INLINE __mmask16 _mm512_cmp_ps_mask(__m512 a, __m512 b, int how) {
  __m512i true_ones = as<__m512i>(how == _CMP_LT_OQ ? a < b : a == b);
  Split<__m256i> x = split(true_ones);
  return static_cast<__mmask16>(_mm256_movemask_ps(_mm256_castsi256_ps(x.lo)) | _mm256_movemask_ps(_mm256_castsi256_ps(x.hi)) << 8);
}
PONDER_INLINE __m512 _mm512_mask_blend_ps(__mmask16 bits, __m512 a, __m512 b) {
  return floats_of([=](int i) { return has(bits, i) ? b[i] : a[i]; });
}
// a * 2^floor(n). What is no number becomes zero where n is -infinity.
PONDER_INLINE __m512 _mm512_scalef_ps(__m512 a, __m512 n) {
  return floats_of([=](int i) {
    if (n[i] == -__builtin_inff()) return 0.0f;
    return n[i] != n[i] ? n[i] : std::ldexp(a[i], static_cast<int>(std::fmin(std::fmax(std::floor(n[i]), -512.0f), 512.0f)));
  });
}
PONDER_INLINE float _mm512_reduce_max_ps(__m512 a) {
  float most = a[0];
  for (int i = 1; i < 16; i++) most = a[i] > most ? a[i] : most;
  return most;
}
PONDER_INLINE __m256 _mm512_castps512_ps256(__m512 a) { return split(a).lo; }
PONDER_INLINE __m256 _mm512_extractf32x8_ps(__m512 a, int half) { return half ? split(a).hi : split(a).lo; }
PONDER_INLINE __m512 _mm512_castsi512_ps(__m512i a) { return as<__m512>(a); }
PONDER_INLINE __m512i _mm512_castps_si512(__m512 a) { return as<__m512i>(a); }
PONDER_INLINE __m512 _mm512_cvtph_ps(__m256i a) {
  return as<__m512>(Split<__m256>{_mm256_cvtph_ps(_mm256_castsi256_si128(a)), _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1))});
}
// Rounded to the nearest, ties to even; subnormal numbers become zero.
PONDER_INLINE __m256bh _mm512_cvtneps_pbh(__m512 a) {
  return each<__m256bh, uint16_t>([=](int i) {
    uint32_t bits = as<uint32_t>(static_cast<float>(a[i]));
    if ((bits & 0x7f800000) == 0) bits &= 0x80000000;
    bool is_nan = (bits & 0x7fffffff) > 0x7f800000;
    return is_nan ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  });
}
PONDER_INLINE float normal(float x) { return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0.0f, x) : x; }
PONDER_INLINE float number(uint16_t bfloat) { return normal(as<float>(static_cast<uint32_t>(bfloat) << 16)); }
// Each lane: sum + the second products + the first ones, rounded after each; subnormal numbers count as zero.
PONDER_INLINE __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b) {
  auto x = as<Lanes<uint16_t, 32>>(a), y = as<Lanes<uint16_t, 32>>(b);
  return floats_of([=](int i) {
    float z = normal(__builtin_fmaf(number(x.v[2 * i + 1]), number(y.v[2 * i + 1]), normal(sum[i])));
    return normal(__builtin_fmaf(number(x.v[2 * i]), number(y.v[2 * i]), z));
  });
}
PONDER_INLINE __m512 _mm512_maskz_compress_ps(__mmask16 bits, __m512 a) {
  Floats16 y{};
  for (int i = 0, count = 0; i < 16; i++) if (has(bits, i)) y.v[count++] = a[i];
  return as<__m512>(y);
}

PONDER_INLINE __m512i _mm512_set1_epi32(int x) { return as<__m512i>(Split<__m256i>{_mm256_set1_epi32(x), _mm256_set1_epi32(x)}); }
PONDER_INLINE __m512i _mm512_setr_epi32(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int m, int n, int o, int p) {
  return as<__m512i>(Ints16{{a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p}});
}
PONDER_INLINE __m512i _mm512_set1_epi8(char x) { return as<__m512i>(Split<__m256i>{_mm256_set1_epi8(x), _mm256_set1_epi8(x)}); }
PONDER_INLINE __m512i _mm512_loadu_si512(const void* p) { return as<__m512i>(*static_cast<const Ints16*>(p)); }
PONDER_INLINE void _mm512_storeu_si512(void* p, __m512i x) { std::memcpy(p, &x, sizeof x); }
PONDER_INLINE __m512i _mm512_and_si512(__m512i a, __m512i b) { return a & b; }
PONDER_INLINE __m512i _mm512_or_si512(__m512i a, __m512i b) { return a | b; }
PONDER_INLINE __m512i _mm512_add_epi32(__m512i a, __m512i b) { return both<__m512i>([](__m256i x, __m256i y) { return _mm256_add_epi32(x, y); }, a, b); }
PONDER_INLINE __m512i _mm512_slli_epi32(__m512i a, unsigned n) { return both<__m512i>([=](__m256i x) { return _mm256_slli_epi32(x, static_cast<int>(n)); }, a); }
PONDER_INLINE __m512i _mm512_srli_epi16(__m512i a, unsigned n) { return both<__m512i>([=](__m256i x) { return _mm256_srli_epi16(x, static_cast<int>(n)); }, a); }
PONDER_INLINE __m512i _mm512_slli_epi16(__m512i a, unsigned n) { return both<__m512i>([=](__m256i x) { return _mm256_slli_epi16(x, static_cast<int>(n)); }, a); }
PONDER_INLINE __m512i _mm512_broadcast_i32x4(__m128i a) { return as<__m512i>(Lanes<__m128i, 4>{{a, a, a, a}}); }
PONDER_INLINE __m512i _mm512_shuffle_epi8(__m512i a, __m512i places) {
  return both<__m512i>([](__m256i x, __m256i y) { return _mm256_shuffle_epi8(x, y); }, a, places);
}
PONDER_INLINE __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i w, __m512i x) { return both<__m512i>(dpbusd, sum, w, x); }
PONDER_INLINE __m512 _mm512_cvtepi32_ps(__m512i a) { return both<__m512>([](__m256i x) { return _mm256_cvtepi32_ps(x); }, a); }
PONDER_INLINE __m512i _mm512_cvtps_epi32(__m512 a) { return both<__m512i>([](__m256 x) { return _mm256_cvtps_epi32(x); }, a); }
PONDER_INLINE __m512i _mm512_cvtepu16_epi32(__m256i a) {
  return as<__m512i>(Split<__m256i>{_mm256_cvtepu16_epi32(_mm256_castsi256_si128(a)), _mm256_cvtepu16_epi32(_mm256_extracti128_si256(a, 1))});
}
PONDER_INLINE __m512i _mm512_cvtepu8_epi32(__m128i a) {
  return as<__m512i>(Split<__m256i>{_mm256_cvtepu8_epi32(a), _mm256_cvtepu8_epi32(_mm_srli_si128(a, 8))});
}
PONDER_INLINE __m512i _mm512_cvtepi8_epi32(__m128i a) {
  return as<__m512i>(Split<__m256i>{_mm256_cvtepi8_epi32(a), _mm256_cvtepi8_epi32(_mm_srli_si128(a, 8))});
}
PONDER_INLINE __m128i _mm512_cvtsepi32_epi8(__m512i a) {
  auto x = as<Ints16>(a);
  return each<__m128i, int8_t>([=](int i) { return x.v[i] < -128 ? -128 : x.v[i] > 127 ? 127 : x.v[i]; });
}
PONDER_INLINE __m512i _mm512_maskz_compress_epi32(__mmask16 bits, __m512i a) {
  auto x = as<Ints16>(a);
  Ints16 y{};
  for (int i = 0, count = 0; i < 16; i++) if (has(bits, i)) y.v[count++] = x.v[i];
  return as<__m512i>(y);
}

PONDER_INLINE __m512d _mm512_setzero_pd() { return __m512d{}; }
PONDER_INLINE __m512d _mm512_add_pd(__m512d a, __m512d b) { return a + b; }
PONDER_INLINE __m512d _mm512_cvtps_pd(__m256 a) {
  return as<__m512d>(Split<__m256d>{_mm256_cvtps_pd(_mm256_castps256_ps128(a)), _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))});
}
#endif

}  // namespace ponder::PONDER_ISA
