// Ids are found by where their digits end, then set beside each other, eight characters each, and
// turned to numbers four at a time. Whether the text is plain is asked once for 64 characters.
#include "sim/workload/plain_ids.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "sim/workload/digit_blocks.hpp"

namespace tessera {
namespace {

static_assert(readable_behind >= block_characters + sizeof(std::uint64_t));

// By an id's length: what makes digits of the eight characters that end with it. In a plain list no
// id is longer than eight; what is made of others does not matter.
constexpr std::array<std::uint64_t, block_characters> digits_of_id = [] {
  std::array<std::uint64_t, block_characters> masks{};
  for (std::size_t length = 1; length <= 8; ++length) {
    masks[length] = std::uint64_t{0x0F0F0F0F0F0F0F0F} << (8 * (8 - length));
  }
  return masks;
}();

// Walks over a list with `gap` characters between its ids.
template <std::size_t gap>
class PlainList {
 public:
  PlainList(const char* text, ContentLists& lists) : at_(text), lists_(lists) {}

  // Writes the ids' digits into the open list. Where the list ends; null for one that is not plain.
  const char* take_digits() {
    while (take_block()) {
      if (end_ != nullptr) {
        return end_;
      }
    }
    return nullptr;
  }

 private:
  // Takes the ids that end among the next characters. Whether the list is plain so far.
  bool take_block() {
    const std::uint64_t digits = digits_among(at_);
    const std::uint64_t starts = digits & ~(digits << 1);
    std::uint64_t ends = ~digits & (digits << 1);  // the characters behind the digits
    const std::uint64_t unexpected = (starts ^ (ends << gap | 1)) | too_long(digits);
    std::uint64_t* id = lists_.room_for(block_characters / 2);
    std::size_t start = 0;
    while (ends != 0) {
      const auto end = static_cast<std::size_t>(std::countr_zero(ends));
      ends &= ends - 1;
      std::uint64_t eight = 0;
      std::memcpy(&eight, at_ + end - sizeof eight, sizeof eight);
      *id++ = eight & digits_of_id[end - start];
      if (std::memcmp(at_ + end, ", ", gap) != 0) {
        lists_.extend_to(id);
        end_ = at_ + end + 1;
        return at_[end] == ']' && unexpected << (block_characters - end) == 0;
      }
      start = end + gap;
    }
    lists_.extend_to(id);
    at_ += start;
    return unexpected == 0;
  }

  // Digits that eight others follow.
  static std::uint64_t too_long(std::uint64_t digits) {
    const std::uint64_t two = digits & (digits >> 1);
    const std::uint64_t four = two & (two >> 2);
    return four & (four >> 4) & (digits >> 8);
  }

  const char* at_;  // an id begins here
  const char* end_ = nullptr;
  ContentLists& lists_;
};

}  // namespace

bool take_plain_ids(PlainText& text, ContentLists& lists) {
  const char* end = PlainList<2>(text.at(), lists).take_digits();
  if (end == nullptr) {
    lists.clear();  // of what was read until there was no blank
    end = PlainList<1>(text.at(), lists).take_digits();
  }
  if (end == nullptr) {
    return false;
  }
  static_cast<void>(lists.room_for(block_numbers));  // whose last ones may be beyond the list
  const std::span<std::uint64_t> ids = lists.open();
  for (std::size_t i = 0; i < ids.size(); i += block_numbers) {
    turn_to_numbers(ids.data() + i);
  }
  text.skip(static_cast<std::size_t>(end - text.at()));
  return true;
}

}  // namespace tessera
