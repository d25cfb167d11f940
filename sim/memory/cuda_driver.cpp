#include "sim/memory/cuda_driver.hpp"

#include <algorithm>
#include <iterator>

#include "tessera/core/contract.hpp"

namespace tessera::cuda {
namespace {

constexpr Bytes kReservation{32 << 20};
// A device without a stated size has more address space than any program maps.
constexpr Bytes kUnboundedRange{std::int64_t{1} << 44};

}  // namespace

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
  constexpr auto page = static_cast<std::uint64_t>(kPage.count());
  constexpr std::uint64_t highest = std::uint64_t{1} << 62;
  return wish && wish->value() > 0 && wish->value() < highest && wish->value() % page == 0 &&
         is_free(*wish, size);
}

std::optional<DeviceAddress> Driver::allocate(Bytes size, std::optional<DeviceAddress> wish) {
  if (!take_memory(size)) {
    return std::nullopt;
  }
  const DeviceAddress address = can_grant(wish, size) ? *wish : place(size);
  ranges_.emplace(address, size);
  return address;
}

// The lowest tail is that of the latest reservation.
DeviceAddress Driver::place(Bytes size) {
  while (size == kPage && !with_tail_.empty()) {
    Reservation& reservation = reservations_.at(*with_tail_.begin());
    const DeviceAddress address = reservation.tail;
    reservation.tail = address + kPage;
    if (reservation.tail == *with_tail_.begin() + reservation.size) {
      with_tail_.erase(with_tail_.begin());
    }
    if (is_free(address, size)) {
      ++reservation.live;
      return address;
    }
  }
  return reserve_below(size);
}

DeviceAddress Driver::reserve_below(Bytes size) {
  const Bytes reserved = round_up(size, kReservation);
  do {
    lowest_ = lowest_ - reserved;
  } while (!is_free(lowest_, reserved));
  reservations_.emplace(lowest_, Reservation{reserved, lowest_ + size, 1});
  if (size < reserved) {
    with_tail_.insert(lowest_);
  }
  return lowest_;
}

void Driver::release(DeviceAddress address, Bytes size) {
  TESSERA_INVARIANT(ranges_.erase(address) == 1, "only a live segment is given back");
  used_ -= size;
  auto reservation = reservations_.upper_bound(address);
  if (reservation == reservations_.begin()) {
    return;
  }
  --reservation;
  if (address < reservation->first + reservation->second.size && --reservation->second.live == 0) {
    with_tail_.erase(reservation->first);
    reservations_.erase(reservation);
  }
}

Bytes Driver::address_range() const {
  return memory_ ? *memory_ + Bytes{memory_->count() / 8} : kUnboundedRange;
}

DeviceAddress Driver::reserve_addresses(Bytes size, std::optional<DeviceAddress> wish) {
  DeviceAddress address = can_grant(wish, size) ? *wish : next_range_;
  while (!is_free(address, size)) {
    const auto blocking = std::prev(ranges_.lower_bound(address + size));
    address = blocking->first + round_up(blocking->second, kPage);
  }
  ranges_.emplace(address, size);
  next_range_ = std::max(next_range_, address + size);
  return address;
}

}  // namespace tessera::cuda
