// An id is read by itself where those before it were of another length; those behind it are then
// tried several at a time. Ids are handed out in order, so that they are long runs of equal lengths
// (of 24 ids of a published row, one is longer than the id before it).
#include "sim/workload/plain_ids.hpp"

#include <cstring>

#include "sim/workload/equal_ids.hpp"

namespace tessera {
namespace {

static_assert(readable_behind >= ids_at_once * sizeof(std::uint64_t));

// Walks over a list with `gap` characters between its ids, of no more than eight digits.
template <std::size_t gap>
class PlainList {
 public:
  PlainList(const char* text, ContentLists& lists)
      : at_(text), lists_(lists), id_(lists.room_for(room)), room_end_(id_ + room) {}

  // Writes the ids into the open list. Where the list ends; null for one that is not plain.
  const char* take_ids() {
    while (const std::size_t length = take_one()) {
      if (*at_ == ']') {
        return end_list();
      }
      if (std::memcmp(at_, ", ", gap) != 0) {
        break;
      }
      at_ += gap;
      if (at_[length] == ',' && length <= id_forms<gap>.size() && take_equals(length)) {
        return end_list();
      }
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t room = 64;

  // How many digits it has.
  std::size_t take_one() {
    const DigitRun run = short_digit_run(at_);
    make_room();
    *id_++ = run.value;
    at_ += run.length;
    return run.length;
  }
  // Those that come next and have a gap behind them. Whether one more, as long, was the last.
  bool take_equals(std::size_t length) {
    const IdForm& form = id_forms<gap>[length - 1];
    make_room();
    std::size_t matching = read_ids(form, at_, id_);
    while (matching == ids_at_once * sizeof(std::uint64_t)) {
      id_ += ids_at_once;
      at_ += ids_at_once * (length + gap);
      make_room();
      matching = read_ids(form, at_, id_);
    }
    if (const std::size_t taken = matching / sizeof(std::uint64_t); taken > 0) {
      id_ += taken;
      at_ += taken * (length + gap);
    }
    if (matching % sizeof(std::uint64_t) != length || at_[length] != ']') {
      return false;
    }
    ++id_;
    at_ += length;
    return true;
  }
  // Behind its ']'.
  const char* end_list() {
    lists_.extend_to(id_);
    return at_ + 1;
  }
  // For as many as are read at once.
  void make_room() {
    if (id_ + ids_at_once > room_end_) [[unlikely]] {
      lists_.extend_to(id_);
      id_ = lists_.room_for(room);
      room_end_ = id_ + room;
    }
  }

  const char* at_;  // an id begins here
  ContentLists& lists_;
  std::uint64_t* id_;  // where the next one belongs
  std::uint64_t* room_end_;
};

}  // namespace

bool take_plain_ids(PlainText& text, ContentLists& lists) {
  const char* end = PlainList<2>(text.at(), lists).take_ids();
  if (end == nullptr) {
    lists.clear();  // of what was read until there was no blank
    end = PlainList<1>(text.at(), lists).take_ids();
  }
  if (end == nullptr) {
    return false;
  }
  text.skip(static_cast<std::size_t>(end - text.at()));
  return true;
}

}  // namespace tessera
