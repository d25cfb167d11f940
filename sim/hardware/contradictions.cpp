// What a card's fields cannot mean together.
#include <string_view>

#include "tessera/hardware/gpu.hpp"

namespace tessera {
namespace {

// FLOPs and bytes grow with tokens, so a factor on their rates may not outgrow the tokens: a step
// of more tokens would be shorter.
bool outgrows(double below, double above, Tokens from, Tokens to) {
  return above * static_cast<double>(from.count()) > below * static_cast<double>(to.count());
}

void check_points(std::string_view key, const KernelEfficiency& efficiency,
                  std::vector<std::string>& found) {
  const std::vector<EfficiencyPoint>& points = efficiency.by_tokens;
  for (std::size_t i = 1; i < points.size(); ++i) {
    const EfficiencyPoint& below = points[i - 1];
    const EfficiencyPoint& above = points[i];
    if (above.tokens <= below.tokens) {
      found.push_back("'" + std::string(key) + ".by_tokens' must ascend in 'tokens'");
    } else if (outgrows(below.compute, above.compute, below.tokens, above.tokens)) {
      found.push_back("'" + std::string(key) +
                      ".by_tokens' raises 'compute' faster than tokens grow: more tokens would "
                      "take less time");
    } else if (above.memory > below.memory) {
      found.push_back("'" + std::string(key) +
                      ".by_tokens' raises 'memory' with tokens: more tokens would take less time");
    }
  }
}

}  // namespace

std::vector<std::string> contradictions(const GpuSpec& gpu) {
  std::vector<std::string> found;
  if (gpu.peak.fp32.value() <= 0.0 && gpu.peak.fp16.value() <= 0.0) {
    found.emplace_back("'peak' has neither an 'fp32' nor an 'fp16' rate: nothing can be computed");
  }
  if (gpu.context_memory >= gpu.memory) {
    found.emplace_back("'context_memory' takes all of 'memory': nothing is left for a model");
  }
  if (gpu.link_bandwidth.value() > 0.0 && gpu.link_measured.value() > gpu.link_bandwidth.value()) {
    found.emplace_back("'link_measured' is above 'link_bandwidth', the peak of the link");
  }
  check_points("gemm", gpu.gemm, found);
  check_points("gemm_fp32", gpu.gemm_fp32, found);
  check_points("gemm_int8", gpu.gemm_int8, found);
  return found;
}

}  // namespace tessera
