// What a card's fields cannot mean together.
#include "tessera/hardware/gpu.hpp"

namespace tessera {

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
  return found;
}

}  // namespace tessera
