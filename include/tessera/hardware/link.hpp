// What connects the GPUs of a node, and what a group of them reaches over it.
//
// The time of a collective is NCCL's own model of a ring (its tuning.cc): for each protocol a
// launch, a latency for each of its steps, and the bytes over a share of the link's bandwidth; the
// faster protocol is taken. An all-reduce of n bytes over t GPUs has 2(t-1) steps, in which each
// GPU sends 2(t-1)/t·n bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "tessera/core/spec.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

struct RingProtocol {
  Duration launch;
  Duration step;
  double share = 1.0;  // of the bandwidth

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("launch", self.launch, at_least(Duration{}), "a collective's own time");
    v.field("step", self.step, at_least(Duration{}), "latency of one step of the ring");
    v.field("share", self.share, within(0.0, 1.0), "of the bandwidth that the protocol reaches");
  }
};

// GPUs below host bridges (root complexes), which share a bridge's bandwidth.
struct PcieLink {
  static constexpr std::string_view kind = "pcie";
  static constexpr std::string_view summary = "PCIe: host bridges, each shared by its GPUs";
  std::optional<Bandwidth> bandwidth;
  std::int64_t gpus_per_bridge = 0;
  Bandwidth bridge_bandwidth;
  Bandwidth between_bridges;
  RingProtocol simple{Duration::nanoseconds(8400), Duration::nanoseconds(5700), 1.0};
  RingProtocol low_latency{Duration::nanoseconds(3600), Duration::nanoseconds(1000), 0.25};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("bandwidth", self.bandwidth, more_than(Bandwidth{0.0}),
            "of one GPU, one direction, reached; null: link_measured of the GPU, else its "
            "link_bandwidth");
    v.field("gpus_per_bridge", self.gpus_per_bridge, between(std::int64_t{0}, std::int64_t{64}),
            "GPUs below one host bridge (root complex); 0: all");
    v.field("bridge_bandwidth", self.bridge_bandwidth, at_least(Bandwidth{0.0}),
            "of a host bridge, one direction, shared by its GPUs; 0: enough for all of them");
    v.field("between_bridges", self.between_bridges, at_least(Bandwidth{0.0}),
            "between host bridges, one direction, shared by the groups that cross; 0: no limit");
    v.field("simple", self.simple, "NCCL's protocol for large messages");
    v.field("low_latency", self.low_latency, "NCCL's protocol for small messages (LL)");
  }
};

struct NvLink {
  static constexpr std::string_view kind = "nvlink";
  static constexpr std::string_view summary = "NVLink: every GPU has its own bandwidth to the rest";
  Bandwidth bandwidth{300e9};
  RingProtocol simple{Duration::nanoseconds(8400), Duration::nanoseconds(3400), 0.8};
  RingProtocol low_latency{Duration::nanoseconds(3600), Duration::nanoseconds(470), 0.2};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("bandwidth", self.bandwidth, more_than(Bandwidth{0.0}),
            "of one GPU, one direction, peak of all its links");
    v.field("simple", self.simple, "NCCL's protocol for large messages");
    v.field("low_latency", self.low_latency, "NCCL's protocol for small messages (LL)");
  }
};

using LinkSpec = std::variant<PcieLink, NvLink>;

// What each GPU of a group reaches, one direction, while the node's other groups use theirs.
struct GroupLink {
  double bytes_per_second = 0.0;  // 0: there is no link
  RingProtocol simple;
  RingProtocol low_latency;

  // `bytes` sent by each GPU in `steps` steps of a ring. Precondition: there is a link.
  [[nodiscard]] Duration time(double bytes, std::int64_t steps) const;
};

}  // namespace tessera
