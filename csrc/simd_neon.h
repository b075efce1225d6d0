// Sixteen lanes as four registers of ARM's NEON, which simd.h includes inside its namespace.
#pragma once

struct f32x16 { float32x4_t v[4]; };
struct u8x64 { uint8x16_t v[4]; };

// Four registers, each as of(i) makes it.
template <class Lanes, class Of>
PONDER_INLINE Lanes each(Of of) { return {{of(0), of(1), of(2), of(3)}}; }

PONDER_INLINE f32x16 splat(float x) { return each<f32x16>([&](int) { return vdupq_n_f32(x); }); }
PONDER_INLINE f32x16 zero() { return splat(0.0f); }
PONDER_INLINE f32x16 load(const float* p) { return each<f32x16>([&](int i) { return vld1q_f32(p + 4 * i); }); }
PONDER_INLINE void store(float* p, f32x16 x) {
  vst1q_f32(p, x.v[0]), vst1q_f32(p + 4, x.v[1]), vst1q_f32(p + 8, x.v[2]), vst1q_f32(p + 12, x.v[3]);
}
PONDER_INLINE f32x16 operator+(f32x16 a, f32x16 b) { return each<f32x16>([&](int i) { return vaddq_f32(a.v[i], b.v[i]); }); }
PONDER_INLINE f32x16 operator-(f32x16 a, f32x16 b) { return each<f32x16>([&](int i) { return vsubq_f32(a.v[i], b.v[i]); }); }
PONDER_INLINE f32x16 operator*(f32x16 a, f32x16 b) { return each<f32x16>([&](int i) { return vmulq_f32(a.v[i], b.v[i]); }); }
PONDER_INLINE f32x16 operator/(f32x16 a, f32x16 b) { return each<f32x16>([&](int i) { return vdivq_f32(a.v[i], b.v[i]); }); }
PONDER_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return each<f32x16>([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); }); }
PONDER_INLINE f32x16 abs(f32x16 a) { return each<f32x16>([&](int i) { return vabsq_f32(a.v[i]); }); }
PONDER_INLINE f32x16 round(f32x16 a) { return each<f32x16>([&](int i) { return vrndnq_f32(a.v[i]); }); }
PONDER_INLINE f32x16 where_less(f32x16 x, f32x16 y, f32x16 a, f32x16 b) {
  return each<f32x16>([&](int i) { return vbslq_f32(vcltq_f32(x.v[i], y.v[i]), a.v[i], b.v[i]); });
}
// b where either is NaN, as elsewhere: vmaxq_f32 would give NaN.
PONDER_INLINE f32x16 max(f32x16 a, f32x16 b) { return where_less(b, a, a, b); }
PONDER_INLINE f32x16 min(f32x16 a, f32x16 b) { return where_less(a, b, a, b); }
// Bit i set where lane i is all ones.
PONDER_INLINE uint32_t mask_of(uint32x4_t a, uint32x4_t b, uint32x4_t c, uint32x4_t d) {
  const uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b));
  const uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_u32(c), vreinterpretq_u16_u32(d));
  const uint8x16_t places = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t bits = vandq_u8(vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)), places);
  bits = vpaddq_u8(bits, bits);
  bits = vpaddq_u8(bits, bits);
  return vgetq_lane_u16(vreinterpretq_u16_u8(vpaddq_u8(bits, bits)), 0);
}
PONDER_INLINE uint32_t less_mask(f32x16 x, f32x16 y) {
  return mask_of(vcltq_f32(x.v[0], y.v[0]), vcltq_f32(x.v[1], y.v[1]), vcltq_f32(x.v[2], y.v[2]), vcltq_f32(x.v[3], y.v[3]));
}
PONDER_INLINE uint32_t equal_mask(f32x16 x, f32x16 y) {
  return mask_of(vceqq_f32(x.v[0], y.v[0]), vceqq_f32(x.v[1], y.v[1]), vceqq_f32(x.v[2], y.v[2]), vceqq_f32(x.v[3], y.v[3]));
}
PONDER_INLINE f32x16 select(uint32_t bits, f32x16 a, f32x16 b) {
  const uint32x4_t places = {1, 2, 4, 8};
  return each<f32x16>([&](int i) { return vbslq_f32(vtstq_u32(vdupq_n_u32(bits >> 4 * i), places), a.v[i], b.v[i]); });
}
PONDER_INLINE f32x16 power_of_two(f32x16 n) {
  return each<f32x16>([&](int i) { return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n.v[i]), vdupq_n_s32(127)), 23)); });
}
PONDER_INLINE float sum(f32x16 a) {
  const float32x4_t x = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  const float32x2_t y = vadd_f32(vget_low_f32(x), vget_high_f32(x));
  return vget_lane_f32(y, 0) + vget_lane_f32(y, 1);
}
PONDER_INLINE float largest(f32x16 a) { return vmaxnmvq_f32(vmaxnmq_f32(vmaxnmq_f32(a.v[0], a.v[1]), vmaxnmq_f32(a.v[2], a.v[3]))); }
PONDER_INLINE f32x16 load_first(const float* p, int n) {
  if (n >= LANES) return load(p);
  float x[LANES] = {};
  std::memcpy(x, p, sizeof(float) * static_cast<size_t>(n));
  return load(x);
}
PONDER_INLINE void store_first(float* p, f32x16 x, int n) {
  if (n >= LANES) return store(p, x);
  float y[LANES];
  store(y, x);
  std::memcpy(p, y, sizeof(float) * static_cast<size_t>(n));
}

PONDER_INLINE f32x16 load_f16(const uint16_t* p) {
  return each<f32x16>([&](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
}
PONDER_INLINE f32x16 load_bf16(const uint16_t* p) {
  return each<f32x16>([&](int i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)); });
}
// Rounded to the nearest, ties to even; NaN stays NaN.
PONDER_INLINE uint16x4_t narrow_bf16(float32x4_t x) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(vdupq_n_u32(0x7fff), odd)), quiet = vorrq_u32(bits, vdupq_n_u32(64 << 16));
  return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet), 16);
}
PONDER_INLINE void store_bf16(uint16_t* p, f32x16 x) {
  vst1q_u16(p, vcombine_u16(narrow_bf16(x.v[0]), narrow_bf16(x.v[1])));
  vst1q_u16(p + 8, vcombine_u16(narrow_bf16(x.v[2]), narrow_bf16(x.v[3])));
}
PONDER_INLINE f32x16 widen_u8(uint8x16_t x) {
  const uint16x8_t low = vmovl_u8(vget_low_u8(x)), high = vmovl_high_u8(x);
  return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_high_u16(low)), vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
           vcvtq_f32_u32(vmovl_high_u16(high))}};
}
PONDER_INLINE f32x16 load_u8(const uint8_t* p) { return widen_u8(vld1q_u8(p)); }
// The nibbles at bit `from` of sixteen bytes.
PONDER_INLINE f32x16 load_u4(const uint8_t* p, int from) {
  return widen_u8(vandq_u8(vld1q_u8(p) >> vdupq_n_u8(static_cast<uint8_t>(from)), vdupq_n_u8(15)));
}
PONDER_INLINE f32x16 load_i8(const int8_t* p) {
  const int8x16_t x = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(x)), high = vmovl_high_s8(x);
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)), vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
           vcvtq_f32_s32(vmovl_high_s16(high))}};
}
PONDER_INLINE void store_i8(int8_t* p, f32x16 x) {
  auto narrow = [](float32x4_t a, float32x4_t b) {
    return vreinterpretq_s8_s16(vuzp1q_s16(vreinterpretq_s16_s32(vcvtq_s32_f32(a)), vreinterpretq_s16_s32(vcvtq_s32_f32(b))));
  };
  vst1q_s8(p, vuzp1q_s8(narrow(x.v[0], x.v[1]), narrow(x.v[2], x.v[3])));
}

PONDER_INLINE u8x64 load_bytes(const void* p) {
  return each<u8x64>([&](int i) { return vld1q_u8(static_cast<const uint8_t*>(p) + 16 * i); });
}
PONDER_INLINE u8x64 operator&(u8x64 a, u8x64 b) { return each<u8x64>([&](int i) { return vandq_u8(a.v[i], b.v[i]); }); }
PONDER_INLINE u8x64 operator|(u8x64 a, u8x64 b) { return each<u8x64>([&](int i) { return vorrq_u8(a.v[i], b.v[i]); }); }
PONDER_INLINE u8x64 splat_byte(uint8_t x) { return each<u8x64>([&](int) { return vdupq_n_u8(x); }); }
constexpr bool SHIFTS_BYTES = true;
PONDER_INLINE u8x64 shift_right(u8x64 a, int n) {
  return each<u8x64>([&](int i) { return a.v[i] >> vdupq_n_u8(static_cast<uint8_t>(n)); });
}
PONDER_INLINE u8x64 shift_left(u8x64 a, int n) {
  return each<u8x64>([&](int i) { return a.v[i] << vdupq_n_u8(static_cast<uint8_t>(n)); });
}
PONDER_INLINE u8x64 look_up(const uint8_t (&table)[16], u8x64 places) {
  return each<u8x64>([&](int i) { return vqtbl1q_u8(vld1q_u8(table), places.v[i]); });
}

struct f64x16 { float64x2_t v[8]; };
PONDER_INLINE f64x16 operator+(f64x16 a, f64x16 b) {
  PONDER_UNROLL for (int i = 0; i < 8; i++) a.v[i] = vaddq_f64(a.v[i], b.v[i]);
  return a;
}
PONDER_INLINE f64x16 widen(f32x16 x) {
  f64x16 y;
  PONDER_UNROLL for (int i = 0; i < 4; i++) y.v[2 * i] = vcvt_f64_f32(vget_low_f32(x.v[i])), y.v[2 * i + 1] = vcvt_high_f64_f32(x.v[i]);
  return y;
}
PONDER_INLINE f64x16 zero64() { return widen(zero()); }

constexpr int PIECES = 4;
struct Floats { float32x4_t v; };
struct Ints { int32x4_t v; };
struct Codes { uint8x16_t v; };
PONDER_INLINE Floats piece(f32x16 x, int i) { return {x.v[i]}; }
PONDER_INLINE Codes piece(u8x64 x, int i) { return {x.v[i]}; }
PONDER_INLINE Floats everywhere(float x) { return {vdupq_n_f32(x)}; }
PONDER_INLINE Ints everywhere(int32_t x) { return {vdupq_n_s32(x)}; }
PONDER_INLINE Floats operator*(Floats a, Floats b) { return {vmulq_f32(a.v, b.v)}; }
PONDER_INLINE Floats fma(Floats a, Floats b, Floats c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
PONDER_INLINE Floats to_float(Ints x) { return {vcvtq_f32_s32(x.v)}; }
PONDER_INLINE Floats load_piece(const float* p) { return {vld1q_f32(p)}; }
PONDER_INLINE void store(float* p, Floats x) { vst1q_f32(p, x.v); }
PONDER_INLINE Floats load_piece(const float* p, int n) { return {load_first(p, n).v[0]}; }
PONDER_INLINE void store_first(float* p, Floats x, int n) { store_first(p, {{x.v, x.v, x.v, x.v}}, n); }

// The two bfloat16 in each four bytes.
struct Pair { Floats first, second; };
PONDER_INLINE Pair open_pairs(Floats pairs) {
  const uint32x4_t bits = vreinterpretq_u32_f32(pairs.v);
  return {{vreinterpretq_f32_u32(vshlq_n_u32(bits, 16))}, {vreinterpretq_f32_u32(vandq_u32(bits, vdupq_n_u32(0xffff0000)))}};
}

// See simd.h. Both factors are signed: codes of 8 bits lose their OFFSET before they are multiplied, not after.
template <int LARGEST, int OFFSET>
struct Dots {
  static constexpr int STEPS = 2;
  static constexpr bool WIDE = LARGEST > 127;
  static_assert(!WIDE || OFFSET == 128);
  Ints sums;
  PONDER_INLINE void begin(int32_t total) { sums = everywhere(WIDE ? 0 : -OFFSET * total); }
  PONDER_INLINE void add(const Codes (&codes)[STEPS], const int8_t* x) {
    const int8x8_t eight = vld1_s8(x);
    sums.v = vdotq_lane_s32(vdotq_lane_s32(sums.v, code(codes[0]), eight, 0), code(codes[1]), eight, 1);
  }
  PONDER_INLINE Ints total() const { return sums; }
  static PONDER_INLINE int8x16_t code(Codes w) { return vreinterpretq_s8_u8(WIDE ? veorq_u8(w.v, vdupq_n_u8(0x80)) : w.v); }
};
