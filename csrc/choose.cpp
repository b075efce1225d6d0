#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels.h"

#if PONDER_HAS_NEON && defined(__APPLE__)
#include <sys/sysctl.h>
#elif PONDER_HAS_NEON
#include <sys/auxv.h>
#endif

namespace ponder {

#if PONDER_HAS_AVX512
namespace avx512 { extern const Kernels table; }
#endif
#if PONDER_HAS_AVX2
namespace avxvnni { extern const Kernels table; }
namespace avx2 { extern const Kernels table; }
#endif
#if PONDER_HAS_NEON
namespace neon { extern const Kernels table; }

static bool has_dot_product() {
#if defined(__APPLE__)
  int found = 0;
  size_t size = sizeof found;
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &found, &size, nullptr, 0) == 0 && found;
#else
  return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#endif
}
#endif
namespace portable { extern const Kernels table; }

#if PONDER_EMULATE
constexpr bool EMULATED = true;  // what newer processors do runs on any with AVX2
#else
constexpr bool EMULATED = false;
#endif

std::vector<const Kernels*> available_kernels() {
  std::vector<const Kernels*> found;
#if PONDER_HAS_AVX512
  if (EMULATED || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16")))
    found.push_back(&avx512::table);
#endif
#if PONDER_HAS_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
    if (EMULATED || __builtin_cpu_supports("avxvnni")) found.push_back(&avxvnni::table);
    found.push_back(&avx2::table);
  }
#endif
#if PONDER_HAS_NEON
  if (has_dot_product()) found.push_back(&neon::table);
#endif
  found.push_back(&portable::table);
  return found;
}

const Kernels& kernels(const char* name) {
  static const std::vector<const Kernels*> here = available_kernels();
  for (const Kernels* table : here) if (!name || std::strcmp(name, table->name) == 0) return *table;
  throw std::invalid_argument(std::string(name) + " is not an instruction set of this processor");
}

}  // namespace ponder
