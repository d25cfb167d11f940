// The cards of one node, and how they are connected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tessera/core/spec.hpp"
#include "tessera/hardware/gpu.hpp"
#include "tessera/hardware/link.hpp"

namespace tessera {

struct HardwareSpec {
  std::optional<std::string> node;  // the preset that the rest refines
  GpuSpec gpu;
  std::int64_t count = 1;
  LinkSpec link;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("node", self.node, "start from this preset of a node; the other keys refine it");
    v.required("gpu", self.gpu, "a preset's name, or a mapping that refines one or stands alone");
    v.field("count", self.count, between(std::int64_t{1}, std::int64_t{64}), "GPUs in the node");
    v.field("link", self.link, "what connects the GPUs");
  }
};

// Consecutive GPUs of a node, counted from 0.
struct GpuGroup {
  std::int64_t first = 0;
  std::int64_t size = 1;
};

// What the GPUs of `group` reach when the node's first `used` GPUs, in groups of the same size, all
// communicate at once: the busiest moment, which is taken for every moment. A host bridge's
// bandwidth is divided among its GPUs that are used, the bandwidth between bridges among the groups
// that cross. Nothing (0 bytes a second) where the bandwidth is not known.
[[nodiscard]] GroupLink link_of(const HardwareSpec& hardware, const GpuGroup& group,
                                std::int64_t used);

}  // namespace tessera
