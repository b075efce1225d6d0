// What is compiled once for each instruction set, and chosen when the module is loaded.
#pragma once

#include <memory>
#include <vector>

#include "program.h"
#include "sampling.h"

namespace ponder {

struct Kernels {
  const char* name;
  std::unique_ptr<Program> (*make_program)(Shape shape, int rotated);
  void (*sample)(const SamplingBatch& batch, int threads);
  std::span<const Step> steps;  // of sampling; the same for every instruction set
  // Of each of `count` rows of `size` whether all its numbers are less than infinity.
  void (*are_numbers)(const float* rows, int count, int64_t size, bool* found, int threads);
  // Billions of multiply-accumulates a second of the integer dot product, all operands in registers.
  double (*int8_peak)(int threads);
  // Gigabytes a second that all threads together read from memory.
  double (*read_bandwidth)(int threads);
};

// Those for this processor, the best first.
std::vector<const Kernels*> available_kernels();

// The one of this name, or the best. Throws std::invalid_argument for a name that is not to be had here.
const Kernels& kernels(const char* name = nullptr);

}  // namespace ponder
