// Which allocation a trace means by an id. Ids of a recorded trace count up from 0, so a plain
// array holds them; ids that would make it too large for the trace's length live in a hash table,
// whose order nothing depends on.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "tessera/memory/device_allocator.hpp"

namespace tessera {

enum class TraceIdState : std::uint8_t { unknown, live, refused, freed };

struct TraceId {
  AllocationHandle handle{};
  TraceIdState state = TraceIdState::unknown;
};

class LiveAllocations {
 public:
  // What is known of `id`; stays valid until the next call.
  TraceId& operator[](std::int64_t id) {
    const auto index = static_cast<std::uint64_t>(id);
    if (index < dense_.size()) {
      return dense_[index];
    }
    return outside(id);
  }

 private:
  TraceId& outside(std::int64_t id) {
    const auto index = static_cast<std::uint64_t>(id);
    if (sparse_.empty() && index < 2 * dense_.size() + first_size) {
      dense_.resize(2 * dense_.size() + first_size);
      return dense_[index];
    }
    return sparse_[id];
  }

  static constexpr std::uint64_t first_size = 4096;
  std::vector<TraceId> dense_;
  std::unordered_map<std::int64_t, TraceId> sparse_;
};

}  // namespace tessera
