// What the CUDA driver does below a caching allocator: it gives out physical memory and device
// addresses. As recorded on a driver of 2025, cudaMalloc hands out addresses downwards in
// reservations of multiples of 32 MiB, puts a segment at its reservation's start, and packs later
// small segments into the lowest hole of the reservations in use; address ranges for expandable
// segments go upwards. When it takes a given-back reservation again is not regular enough to
// imitate; here its addresses stay unused until all lower ones have been.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "tessera/memory/device_allocator.hpp"

namespace tessera::cuda {

inline constexpr Bytes memory_page{2 << 20};  // the granularity of memory and of segments

class Driver {
 public:
  explicit Driver(std::optional<Bytes> memory);

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
  // From `address` up to the next range or segment; zero inside of one.
  [[nodiscard]] Bytes room_at(DeviceAddress address) const;
  [[nodiscard]] bool knows_memory() const { return memory_.has_value(); }
  void shorten_addresses(DeviceAddress address, Bytes size) { ranges_.at(address) = size; }

  // cuMemCreate and cuMemRelease: memory without addresses; false when there is not that much.
  bool take_memory(Bytes size);
  void return_memory(Bytes size) { used_ -= size; }

 private:
  struct Reservation {
    Bytes size{0};
    std::int64_t live = 0;  // segments in it
  };
  using Reservations = std::map<DeviceAddress, Reservation>;

  [[nodiscard]] bool is_free(DeviceAddress address, Bytes size) const;
  [[nodiscard]] bool can_grant(std::optional<DeviceAddress> wish, Bytes size) const;
  std::optional<DeviceAddress> place_in_hole(Bytes size);
  DeviceAddress reserve_below(Bytes size);
  [[nodiscard]] Reservations::iterator reservation_of(DeviceAddress address);
  void add_hole(DeviceAddress address, Bytes size);
  void remove_hole(std::map<DeviceAddress, Bytes>::iterator hole);

  std::optional<Bytes> memory_;
  Bytes used_{0};
  std::map<DeviceAddress, Bytes> ranges_;  // address ranges, reservations, and wished segments
  Reservations reservations_;
  std::map<DeviceAddress, Bytes> holes_;  // of reservations in use; none touches another
  // The holes by their pages; the last entry has those of as many pages and more.
  static constexpr std::size_t num_hole_sizes = 17;
  std::array<std::set<DeviceAddress>, num_hole_sizes> holes_by_pages_;
  DeviceAddress lowest_;      // of the reservations so far
  DeviceAddress next_range_;  // above the address ranges so far
};

}  // namespace tessera::cuda
