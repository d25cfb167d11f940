// Lists of content ids behind each other in one array, each after the number of its ids.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace tessera {

// The last list is open: it is written in place, and kept or cleared when it is known whether its
// row is of use. The list at 0 is empty.
class ContentLists {
 public:
  ContentLists() { static_cast<void>(close()); }

  // The list at a place that close() gave.
  [[nodiscard]] std::span<const std::uint64_t> at(std::size_t place) const {
    return {words_.get() + place + 1, words_[place]};
  }

  // The ids of the open list.
  [[nodiscard]] std::span<std::uint64_t> open() {
    return {words_.get() + open_ + 1, size_ - open_ - 1};
  }
  void clear() { size_ = open_ + 1; }
  // Where the next ids belong, with room for `more` of them, which are in no defined state. It is
  // good until the next call.
  [[nodiscard]] std::uint64_t* room_for(std::size_t more) {
    if (capacity_ < size_ + more + 1) {
      reserve(std::max(size_ + more + 1, capacity_ + capacity_ / 2));
    }
    return words_.get() + size_;
  }
  // The ids up to `end`, for which there was room, have been written.
  void extend_to(const std::uint64_t* end) { size_ = static_cast<std::size_t>(end - words_.get()); }
  void push_back(std::uint64_t id) {
    *room_for(1) = id;
    ++size_;
  }
  // Keeps the open list and opens another one. Its place.
  std::size_t close() {
    static_cast<void>(room_for(1));  // for the number of the next one's ids
    const std::size_t place = std::exchange(open_, size_);
    words_[place] = size_ - place - 1;
    ++size_;
    return place;
  }

  // In words: of all lists, and what there shall be room for.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[gnu::noinline]] void reserve(std::size_t capacity) {
    if (capacity > capacity_) {
      auto words = std::make_unique_for_overwrite<std::uint64_t[]>(capacity);
      std::copy_n(words_.get(), size_, words.get());
      words_ = std::move(words);
      capacity_ = capacity;
    }
  }

 private:
  std::size_t capacity_ = 64;
  std::unique_ptr<std::uint64_t[]> words_ =
      std::make_unique_for_overwrite<std::uint64_t[]>(capacity_);
  std::size_t open_ = 0;  // where the number of the open list's ids belongs
  std::size_t size_ = 1;
};

}  // namespace tessera
