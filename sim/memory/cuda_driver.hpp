// What the CUDA driver does below a caching allocator: it gives out physical memory and device
// addresses. As measured on a driver of 2025, cudaMalloc hands out addresses downwards in
// reservations of multiples of 32 MiB, puts a segment at its reservation's start, and packs later
// 2 MiB segments into the unused tails; address ranges for expandable segments go upwards.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "tessera/memory/device_allocator.hpp"

namespace tessera::cuda {

inline constexpr Bytes kPage{2 << 20};  // the granularity of memory and of segments

class Driver {
 public:
  explicit Driver(std::optional<Bytes> memory) : memory_(memory) {}

  // cudaMalloc: at `wish` if that is aligned and free; nothing when memory has run out.
  // Precondition: whole pages.
  std::optional<DeviceAddress> allocate(Bytes size, std::optional<DeviceAddress> wish);
  // cudaFree. Precondition: allocated with this address and size.
  void release(DeviceAddress address, Bytes size);

  // cuMemAddressReserve and its opposite: addresses without memory.
  DeviceAddress reserve_addresses(Bytes size, std::optional<DeviceAddress> wish);
  void release_addresses(DeviceAddress address) { ranges_.erase(address); }
  // What an expandable segment spans: 9/8 of the device's memory, or more than anyone maps.
  [[nodiscard]] Bytes address_range() const;
  [[nodiscard]] bool knows_memory() const { return memory_.has_value(); }
  void shorten_addresses(DeviceAddress address, Bytes size) { ranges_.at(address) = size; }

  // cuMemCreate and cuMemRelease: memory without addresses; false when there is not that much.
  bool take_memory(Bytes size);
  void return_memory(Bytes size) { used_ -= size; }

 private:
  struct Reservation {
    Bytes size{0};
    DeviceAddress tail;  // its first unused byte
    std::int64_t live = 0;
  };

  [[nodiscard]] bool is_free(DeviceAddress address, Bytes size) const;
  [[nodiscard]] bool can_grant(std::optional<DeviceAddress> wish, Bytes size) const;
  DeviceAddress place(Bytes size);
  DeviceAddress reserve_below(Bytes size);

  std::optional<Bytes> memory_;
  Bytes used_{0};
  std::map<DeviceAddress, Bytes> ranges_;  // live segments and address ranges
  std::map<DeviceAddress, Reservation> reservations_;
  std::set<DeviceAddress> with_tail_;  // reservations with room for one page more
  DeviceAddress lowest_{std::uint64_t{0x7f00} << 32};
  DeviceAddress next_range_{std::uint64_t{0x3'0200'0000}};
};

}  // namespace tessera::cuda
