// The running sequences in order of admission, linked through themselves.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/event_ring.hpp"
#include "sim/engine/span_sequence.hpp"

namespace tessera {

class RunningList {
 public:
  static constexpr std::uint32_t nobody = EventRing::nobody;

  explicit RunningList(std::vector<SpanSequence>& all) : all_(all) {}

  void push_back(std::uint32_t slot) {
    SpanSequence& sequence = all_[slot];
    sequence.order = ++orders_;
    sequence.before = last_;
    sequence.behind = nobody;
    if (last_ != nobody) {
      all_[last_].behind = slot;
    }
    last_ = slot;
    ++size_;
  }
  void remove(std::uint32_t slot) {
    const SpanSequence& sequence = all_[slot];
    if (sequence.before != nobody) {
      all_[sequence.before].behind = sequence.behind;
    }
    if (sequence.behind != nobody) {
      all_[sequence.behind].before = sequence.before;
    } else {
      last_ = sequence.before;
    }
    --size_;
  }
  [[nodiscard]] std::uint32_t last() const { return last_; }
  [[nodiscard]] std::int64_t size() const { return size_; }

 private:
  std::vector<SpanSequence>& all_;
  std::uint32_t last_ = nobody;
  std::int64_t size_ = 0;
  std::int64_t orders_ = 0;
};

}  // namespace tessera
