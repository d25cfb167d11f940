// Who has something to do at which iteration: a ring of buckets, one an iteration, with two levels
// of bits that say which are not empty. Adding, removing and finding the next one take O(1).
//
// An iteration beyond the ring waits in its last bucket: whoever takes it from there too early puts
// it in again.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "tessera/core/contract.hpp"

namespace tessera {

class EventRing {
 public:
  static constexpr std::int64_t size = 4096;
  static constexpr std::uint32_t nobody = ~std::uint32_t{0};

  EventRing() { heads_.fill(nobody); }

  [[nodiscard]] bool empty() const { return summary_ == 0; }

  // Room for everybody below `number`.
  void reserve(std::size_t number) {
    if (number > links_.size()) {
      links_.resize(std::max(number, 2 * links_.size()));
    }
  }
  // Preconditions: there is room for `who`, who is not in the ring, and now <= iteration.
  void insert(std::uint32_t who, std::int64_t iteration, std::int64_t now) {
    const auto bucket = bucket_of(std::min(iteration, now + size - 1));
    const std::uint32_t next = heads_[bucket];
    links_[who] = {nobody, next, static_cast<std::uint32_t>(bucket)};
    if (next != nobody) {
      links_[next].previous = who;
    }
    heads_[bucket] = who;
    words_[bucket / 64] |= std::uint64_t{1} << (bucket % 64);
    summary_ |= std::uint64_t{1} << (bucket / 64);
  }

  // `who` is in the ring.
  void remove(std::uint32_t who) {
    const Link link = links_[who];
    if (link.next != nobody) {
      links_[link.next].previous = link.previous;
    }
    if (link.previous != nobody) {
      links_[link.previous].next = link.next;
      return;
    }
    heads_[link.bucket] = link.next;
    if (link.next == nobody) {
      clear(link.bucket);
    }
  }

  // Whether somebody is in its bucket.
  [[nodiscard]] bool holds(std::int64_t iteration) const {
    return heads_[bucket_of(iteration)] != nobody;
  }
  // Empties the bucket of `iteration` and calls `act` with who was in it, one by one, in no
  // particular order; those may be inserted again meanwhile.
  template <class Act>
  void take(std::int64_t iteration, Act act) {
    const auto bucket = bucket_of(iteration);
    std::uint32_t who = heads_[bucket];
    if (who == nobody) {
      return;
    }
    heads_[bucket] = nobody;
    clear(bucket);
    while (who != nobody) {
      const std::uint32_t next = links_[who].next;
      act(who);
      who = next;
    }
  }

  // Iterations from `now` to the first one after it with somebody in its bucket. Precondition:
  // there is one; the bucket of `now` is empty.
  [[nodiscard]] std::int64_t distance(std::int64_t now) const {
    const std::size_t bucket = bucket_of(now);
    const std::size_t word = bucket / 64;
    const std::uint64_t here = words_[word] >> (bucket % 64);
    if (here != 0) {
      return __builtin_ctzll(here);
    }
    TESSERA_INVARIANT(summary_ != 0, "somebody is in the ring");
    // The words behind this one, round to the part of this one before `now`.
    const std::size_t behind = (word + 1) % 64;
    const std::uint64_t turned =
        behind == 0 ? summary_ : (summary_ >> behind) | (summary_ << (64 - behind));
    const std::size_t found = (behind + static_cast<std::size_t>(__builtin_ctzll(turned))) % 64;
    const std::size_t at = found * 64 + static_cast<std::size_t>(__builtin_ctzll(words_[found]));
    return static_cast<std::int64_t>((at + static_cast<std::size_t>(size) - bucket) %
                                     static_cast<std::size_t>(size));
  }

 private:
  struct Link {
    std::uint32_t previous = nobody;
    std::uint32_t next = nobody;
    std::uint32_t bucket = 0;
  };

  static std::size_t bucket_of(std::int64_t iteration) {
    return static_cast<std::size_t>(iteration) % static_cast<std::size_t>(size);
  }
  void clear(std::size_t bucket) {
    words_[bucket / 64] &= ~(std::uint64_t{1} << (bucket % 64));
    if (words_[bucket / 64] == 0) {
      summary_ &= ~(std::uint64_t{1} << (bucket / 64));
    }
  }

  std::array<std::uint32_t, size> heads_{};
  std::array<std::uint64_t, size / 64> words_{};
  std::uint64_t summary_ = 0;
  std::vector<Link> links_;  // by who
};

}  // namespace tessera
