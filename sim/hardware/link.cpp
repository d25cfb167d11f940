// What a group of GPUs reaches over a node's links.
#include <algorithm>

#include "tessera/core/contract.hpp"
#include "tessera/hardware/node.hpp"

namespace tessera {
namespace {

double own_bandwidth(const PcieLink& link, const GpuSpec& gpu) {
  if (link.bandwidth) {
    return link.bandwidth->value();
  }
  return gpu.link_measured > Bandwidth{0.0} ? gpu.link_measured.value()
                                            : gpu.link_bandwidth.value();
}

// The used GPUs below a bridge, and the groups of a size that cross from one bridge to another.
class Bridges {
 public:
  Bridges(std::int64_t gpus_per_bridge, std::int64_t used)
      : per_bridge_(gpus_per_bridge > 0 ? gpus_per_bridge : used), used_(used) {}

  [[nodiscard]] std::int64_t used_below(std::int64_t bridge) const {
    return std::min(per_bridge_, used_ - bridge * per_bridge_);
  }
  [[nodiscard]] std::int64_t of_gpu(std::int64_t gpu) const { return gpu / per_bridge_; }
  [[nodiscard]] bool crosses(const GpuGroup& group) const {
    return of_gpu(group.first) != of_gpu(group.first + group.size - 1);
  }
  [[nodiscard]] std::int64_t crossing_groups(std::int64_t size) const {
    std::int64_t count = 0;
    for (std::int64_t first = 0; first + size <= used_; first += size) {
      count += crosses({first, size}) ? 1 : 0;
    }
    return std::max<std::int64_t>(count, 1);
  }

 private:
  std::int64_t per_bridge_;
  std::int64_t used_;
};

GroupLink group_link(const PcieLink& link, const GpuSpec& gpu, const GpuGroup& group,
                     std::int64_t used) {
  const Bridges bridges(link.gpus_per_bridge, used);
  double rate = own_bandwidth(link, gpu);
  const auto limit = [&rate](Bandwidth shared, std::int64_t sharers) {
    if (shared > Bandwidth{0.0}) {
      rate = std::min(rate, shared.value() / static_cast<double>(sharers));
    }
  };
  const std::int64_t last = bridges.of_gpu(group.first + group.size - 1);
  for (std::int64_t bridge = bridges.of_gpu(group.first); bridge <= last; ++bridge) {
    limit(link.bridge_bandwidth, bridges.used_below(bridge));
  }
  if (bridges.crosses(group)) {
    limit(link.between_bridges, bridges.crossing_groups(group.size));
  }
  return {rate, link.simple, link.low_latency};
}

GroupLink group_link(const NvLink& link, const GpuSpec& /*gpu*/, const GpuGroup& /*group*/,
                     std::int64_t /*used*/) {
  return {link.bandwidth.value(), link.simple, link.low_latency};
}

}  // namespace

Duration GroupLink::time(double bytes, std::int64_t steps) const {
  TESSERA_INVARIANT(bytes_per_second > 0.0, "bytes move only over links whose bandwidth is known");
  const auto with = [&](const RingProtocol& protocol) {
    return protocol.launch + protocol.step * steps +
           Duration::from_seconds(bytes / (bytes_per_second * protocol.share));
  };
  return std::min(with(simple), with(low_latency));
}

GroupLink link_of(const HardwareSpec& hardware, const GpuGroup& group, std::int64_t used) {
  TESSERA_INVARIANT(group.first >= 0 && group.size >= 1 && group.first + group.size <= used,
                    "a group is among the GPUs that are used");
  return std::visit([&](const auto& link) { return group_link(link, hardware.gpu, group, used); },
                    hardware.link);
}

}  // namespace tessera
