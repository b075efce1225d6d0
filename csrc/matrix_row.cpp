#include <bit>

#include "program.h"

namespace ponder {

namespace {

float widen(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
  const float x = magnitude >= 0x7c00 ? std::bit_cast<float>((magnitude << 13) | 0x7f800000u) : std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(x) | sign);
}

int nibble(const uint8_t (*codes)[64], int lane, int i) {
  const uint8_t both = codes[i / 8][4 * lane + i % 4];
  return i / 4 % 2 ? both >> 4 : both & 15;
}

template <class Block>
const Block& block_at(const uint8_t* tile, int i) { return reinterpret_cast<const Block*>(tile)[i]; }

float value(Kind kind, const uint8_t* tile, int lane, int i) {
  const int b = i / BLOCK, j = i % BLOCK, super = i / 256, part = i / BLOCK % 8;
  switch (kind) {
    case Kind::F32: return reinterpret_cast<const float*>(tile)[i * TILE + lane];
    case Kind::F16: return widen(reinterpret_cast<const uint16_t*>(tile)[i * TILE + lane]);
    case Kind::BF16: return std::bit_cast<float>(static_cast<uint32_t>(reinterpret_cast<const uint16_t*>(tile)[i * TILE + lane]) << 16);
    case Kind::Q4_0: {
      auto& block = block_at<BlockQ4_0>(tile, b);
      return widen(block.scale[lane]) * static_cast<float>(nibble(block.codes, lane, j) - 8);
    }
    case Kind::Q4_1: {
      auto& block = block_at<BlockQ4_1>(tile, b);
      return widen(block.scale[lane]) * static_cast<float>(nibble(block.codes, lane, j)) + widen(block.minimum[lane]);
    }
    case Kind::Q8_0: {
      auto& block = block_at<BlockQ8_0>(tile, b);
      return widen(block.scale[lane]) * static_cast<float>(block.codes[j / 4][4 * lane + j % 4] - 128);
    }
    case Kind::Q4_K: {
      auto& block = block_at<BlockQ4_K>(tile, super);
      const float scale = widen(block.scale[lane]) * block.scales[part][lane], minimum = widen(block.minimum[lane]) * block.minimums[part][lane];
      return scale * static_cast<float>(nibble(block.codes[part], lane, j)) - minimum;
    }
    case Kind::Q6_K: {
      auto& block = block_at<BlockQ6_K>(tile, super);
      const int step = j / 4, high = block.high[part][step / 4][4 * lane + j % 4] >> (2 * (step % 4)) & 3;
      const float scale = widen(block.scale[lane]) * block.scales[2 * part + j / 16][lane];
      return scale * static_cast<float>((nibble(block.low[part], lane, j) | high << 4) - 32);
    }
  }
  return 0;
}

}  // namespace

void read_row(const Matrix& matrix, int row, float* out) {
  const uint8_t* tile = matrix.tile(row / TILE);
  for (int i = 0; i < matrix.in; i++) out[i] = value(matrix.kind, tile, row % TILE, i);
}

}  // namespace ponder
