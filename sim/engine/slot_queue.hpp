// Who waits, first come, first out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera {

// It starts anew whenever it is empty, and forgets those who have left when they are more than
// those who wait.
class SlotQueue {
 public:
  void push_back(std::uint32_t slot) {
    slots_.push_back(slot);
    ++size_;
  }
  // Preconditions: it is not empty.
  [[nodiscard]] std::uint32_t front() const { return slots_[first_]; }
  void pop_front() {
    ++first_;
    if (--size_ == 0) {
      slots_.clear();
      first_ = 0;
    } else if (first_ > 1'000 && first_ > size_) {
      slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::vector<std::uint32_t> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace tessera
