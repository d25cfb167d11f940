#include "sim/memory/cuda_driver.hpp"

#include <algorithm>
#include <iterator>

#include "tessera/core/contract.hpp"

namespace tessera::cuda {
namespace {

constexpr Bytes reservation_unit{32 << 20};
// A device without a stated size has more address space than any program maps.
constexpr Bytes unbounded_range{std::int64_t{1} << 60};

constexpr DeviceAddress highest_address{std::uint64_t{0x7f00} << 32};
constexpr DeviceAddress lowest_address{std::uint64_t{0x3'0200'0000}};
constexpr DeviceAddress end_of_addresses{std::uint64_t{1} << 62};

}  // namespace

Driver::Driver(std::optional<Bytes> memory)
    : memory_(memory), lowest_(highest_address), next_range_(lowest_address) {}

bool Driver::take_memory(Bytes size) {
  if (memory_ && size > *memory_ - used_) {
    return false;
  }
  used_ += size;
  return true;
}

bool Driver::is_free(DeviceAddress address, Bytes size) const {
  const auto after = ranges_.lower_bound(address);
  if (after != ranges_.end() && after->first < address + size) {
    return false;
  }
  return after == ranges_.begin() || std::prev(after)->first + std::prev(after)->second <= address;
}

bool Driver::can_grant(std::optional<DeviceAddress> wish, Bytes size) const {
  constexpr auto page = static_cast<std::uint64_t>(memory_page.count());
  return wish && wish->value() > 0 && *wish < end_of_addresses && wish->value() % page == 0 &&
         is_free(*wish, size);
}

std::optional<DeviceAddress> Driver::allocate(Bytes size, std::optional<DeviceAddress> wish) {
  if (!take_memory(size)) {
    return std::nullopt;
  }
  if (can_grant(wish, size)) {
    ranges_.emplace(*wish, size);
    return wish;
  }
  const auto in_hole = place_in_hole(size);
  return in_hole ? in_hole : reserve_below(size);
}

// The lowest hole is in the latest reservation that has one.
std::optional<DeviceAddress> Driver::place_in_hole(Bytes size) {
  std::optional<DeviceAddress> lowest;
  for (auto pages = static_cast<std::size_t>(size / memory_page); pages < num_hole_sizes; ++pages) {
    const auto& holes = holes_by_pages_.at(pages);
    if (!holes.empty() && (!lowest || *holes.begin() < *lowest)) {
      lowest = *holes.begin();
    }
  }
  if (!lowest) {
    return std::nullopt;
  }
  const auto hole = holes_.find(*lowest);
  const Bytes rest = hole->second - size;
  remove_hole(hole);
  if (rest > Bytes{0}) {
    add_hole(*lowest + size, rest);
  }
  ++reservation_of(*lowest)->second.live;
  return lowest;
}

DeviceAddress Driver::reserve_below(Bytes size) {
  const Bytes reserved = round_up(size, reservation_unit);
  do {
    if (lowest_ < lowest_address + reserved) {
      lowest_ = highest_address;
    }
    lowest_ = lowest_ - reserved;
  } while (!is_free(lowest_, reserved));
  ranges_.emplace(lowest_, reserved);
  reservations_.emplace(lowest_, Reservation{reserved, 1});
  if (size < reserved) {
    add_hole(lowest_ + size, reserved - size);
  }
  return lowest_;
}

void Driver::add_hole(DeviceAddress address, Bytes size) {
  holes_.emplace(address, size);
  const auto pages = static_cast<std::size_t>(size / memory_page);
  holes_by_pages_.at(std::min(pages, num_hole_sizes - 1)).insert(address);
}

void Driver::remove_hole(std::map<DeviceAddress, Bytes>::iterator hole) {
  const auto pages = static_cast<std::size_t>(hole->second / memory_page);
  holes_by_pages_.at(std::min(pages, num_hole_sizes - 1)).erase(hole->first);
  holes_.erase(hole);
}

// The reservation that `address` lies in, or the end for a segment that was put where it is.
Driver::Reservations::iterator Driver::reservation_of(DeviceAddress address) {
  auto reservation = reservations_.upper_bound(address);
  if (reservation == reservations_.begin()) {
    return reservations_.end();
  }
  --reservation;
  return address < reservation->first + reservation->second.size ? reservation
                                                                 : reservations_.end();
}

void Driver::release(DeviceAddress address, Bytes size) {
  used_ -= size;
  const auto reservation = reservation_of(address);
  if (reservation == reservations_.end()) {
    TESSERA_INVARIANT(ranges_.erase(address) == 1, "only a live segment is given back");
    return;
  }
  const DeviceAddress start = reservation->first;
  const DeviceAddress end = start + reservation->second.size;
  if (--reservation->second.live == 0) {
    for (auto hole = holes_.lower_bound(start); hole != holes_.end() && hole->first < end;) {
      remove_hole(hole++);
    }
    ranges_.erase(start);
    reservations_.erase(reservation);
    return;
  }
  const auto after = holes_.find(address + size);
  if (after != holes_.end() && after->first < end) {
    size += after->second;
    remove_hole(after);
  }
  const auto above = holes_.lower_bound(address);
  if (above != holes_.begin()) {
    const auto before = std::prev(above);
    if (before->first >= start && before->first + before->second == address) {
      address = before->first;
      size += before->second;
      remove_hole(before);
    }
  }
  add_hole(address, size);
}

Bytes Driver::room_at(DeviceAddress address) const {
  const auto above = ranges_.lower_bound(address);
  const DeviceAddress end = above == ranges_.end() ? end_of_addresses : above->first;
  return end > address && is_free(address, Bytes{1}) ? end - address : Bytes{0};
}

Bytes Driver::address_range() const {
  return memory_ ? *memory_ + Bytes{memory_->count() / 8} : unbounded_range;
}

DeviceAddress Driver::reserve_addresses(Bytes size, std::optional<DeviceAddress> wish) {
  if (can_grant(wish, size)) {
    ranges_.emplace(*wish, size);
    return *wish;
  }
  DeviceAddress address = next_range_ + size < end_of_addresses ? next_range_ : lowest_address;
  while (!is_free(address, size)) {
    const auto blocking = std::prev(ranges_.lower_bound(address + size));
    address = blocking->first + round_up(blocking->second, memory_page);
  }
  ranges_.emplace(address, size);
  next_range_ = address + round_up(size, memory_page);
  return address;
}

}  // namespace tessera::cuda
