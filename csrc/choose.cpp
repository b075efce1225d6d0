#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels.h"

namespace ponder {

#if PONDER_HAS_AVX512
namespace avx512 { extern const Kernels table; }
#endif
#if PONDER_HAS_AVX2
namespace avx2 { extern const Kernels table; }
#endif
namespace portable { extern const Kernels table; }

const Kernels& kernels(const char* name) {
  auto wanted = [name](const Kernels& table) { return !name || std::strcmp(name, table.name) == 0; };
#if PONDER_HAS_AVX512
  if (wanted(avx512::table) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16"))
    return avx512::table;
#endif
#if PONDER_HAS_AVX2
  if (wanted(avx2::table) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) return avx2::table;
#endif
  if (wanted(portable::table)) return portable::table;
  throw std::invalid_argument(std::string(name) + " is not an instruction set of this processor");
}

}  // namespace ponder
