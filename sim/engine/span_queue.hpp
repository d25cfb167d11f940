// Who waits in the span engine: those who were preempted, the latest of them first, in front of
// those who have arrived, first come, first out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera {

class SpanQueue {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Without those who are passed over.
  [[nodiscard]] std::int64_t size() const { return size_; }

  // It has arrived.
  void push_back(std::uint32_t slot) {
    arrived_.push_back(slot);
    ++size_;
  }
  // It was preempted.
  void push_front(std::uint32_t slot) {
    in_front_.push_back(slot);
    ++size_;
  }
  // Preconditions of the rest: it is not empty.
  [[nodiscard]] std::uint32_t front() const {
    return in_front_.empty() ? arrived_[first_arrived_] : in_front_.back();
  }
  void pop_front() {
    --size_;
    if (in_front_.empty()) {
      pop_arrived();
    } else {
      in_front_.pop_back();
    }
  }
  // Whoever is behind the first one comes first, until those who were passed over return.
  void pass_over() {
    passed_over_.push_back(front());
    pop_front();
  }
  // One by one to the front: they are in reversed order then. Returns whether there were any.
  [[nodiscard]] bool return_passed_over() {
    if (passed_over_.empty()) {
      return false;
    }
    size_ += static_cast<std::int64_t>(passed_over_.size());
    in_front_.insert(in_front_.end(), passed_over_.begin(), passed_over_.end());
    passed_over_.clear();
    return true;
  }

 private:
  // The list starts anew whenever it is empty, and forgets those who have left when they are more
  // than those who wait.
  void pop_arrived() {
    ++first_arrived_;
    const std::size_t left = arrived_.size() - first_arrived_;
    if (left == 0) {
      arrived_.clear();
      first_arrived_ = 0;
    } else if (first_arrived_ > 1'000 && first_arrived_ > left) {
      arrived_.erase(arrived_.begin(),
                     arrived_.begin() + static_cast<std::ptrdiff_t>(first_arrived_));
      first_arrived_ = 0;
    }
  }

  std::vector<std::uint32_t> arrived_;
  std::size_t first_arrived_ = 0;           // of them, who still waits
  std::vector<std::uint32_t> in_front_;     // the next one last
  std::vector<std::uint32_t> passed_over_;  // in the order in which they were
  std::int64_t size_ = 0;
};

}  // namespace tessera
