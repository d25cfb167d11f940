// What the sequences of a KV manager have reserved and written, in cells of one token each, and the
// totals of it by class, kept up to date with every change.
//
// A row is the cells of one sequence. Its written cells are its padding (the left padding, and
// whatever is written after its end) and its entries, which are live until its end and dead after
// it. Its unwritten cells are future as far as the sequence will yet write them, else never: exact,
// because the simulator knows each sequence's end.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

// Cells by class.
struct CellCounts {
  Tokens live{0};
  Tokens dead{0};
  Tokens pad{0};
  Tokens future{0};
  Tokens never{0};

  CellCounts& operator+=(const CellCounts& other) {
    live += other.live;
    dead += other.dead;
    pad += other.pad;
    future += other.future;
    never += other.never;
    return *this;
  }
  CellCounts& operator-=(const CellCounts& other) {
    live -= other.live;
    dead -= other.dead;
    pad -= other.pad;
    future -= other.future;
    never -= other.never;
    return *this;
  }
  [[nodiscard]] Tokens total() const { return live + dead + pad + future + never; }
  friend bool operator==(const CellCounts&, const CellCounts&) = default;
};

struct Row {
  Tokens reserved{0};
  Tokens written{0};
  Tokens padding{0};        // to be written, or written, before the first entry
  Tokens final_entries{0};  // cells written when the row is given up, padding included
  Tokens dead{0};           // entries when it ended
  bool is_held = false;
  bool has_ended = false;

  [[nodiscard]] CellCounts cells() const {
    const Tokens future = std::max(std::min(reserved, final_entries) - written, Tokens{0});
    const Tokens entries = has_ended ? dead : std::max(written - padding, Tokens{0});
    return {.live = has_ended ? Tokens{0} : entries,
            .dead = dead,
            .pad = written - entries,
            .future = future,
            .never = reserved - written - future};
  }
};

class RowTable {
 public:
  [[nodiscard]] bool holds(SequenceId id) const {
    return index_of(id) < rows_.size() && rows_[index_of(id)].is_held;
  }
  [[nodiscard]] const Row& row(SequenceId id) const {
    TESSERA_INVARIANT(holds(id), "a sequence holds KV between its admission and its release");
    return rows_[index_of(id)];
  }
  // One beyond the greatest id ever seen.
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

  void open(const KvSequence& sequence, Tokens reserved) {
    TESSERA_INVARIANT(!holds(sequence.id), "a sequence that is admitted holds nothing");
    if (index_of(sequence.id) >= rows_.size()) {
      rows_.resize(index_of(sequence.id) + 1);
    }
    Row& row = rows_[index_of(sequence.id)];
    row = {.reserved = reserved,
           .padding = sequence.left_padding,
           .final_entries = sequence.final_entries(),
           .is_held = true};
    totals_ += row.cells();
  }

  // Opens a row that was closed, as it was then.
  void restore(SequenceId id, const Row& row) {
    TESSERA_INVARIANT(!holds(id), "who comes back holds nothing");
    rows_[index_of(id)] = row;
    totals_ += row.cells();
  }

  void grow(SequenceId id, Tokens reserved) {
    Row& row = held(id);
    TESSERA_INVARIANT(reserved >= row.reserved, "a reservation never shrinks");
    totals_ -= row.cells();
    row.reserved = reserved;
    totals_ += row.cells();
  }

  void write(SequenceId id, Tokens entries) {
    Row& row = held(id);
    TESSERA_INVARIANT(entries >= Tokens{0} && entries <= row.reserved - row.written,
                      "written entries lie in the reservation");
    totals_ -= row.cells();
    row.written += entries;
    totals_ += row.cells();
  }

  // The same for every row of `batch`.
  void write_each(std::span<const SequenceId> batch, Tokens entries) {
    for (const SequenceId id : batch) {
      write(id, entries);
    }
  }

  // The cells of a row without padding, which stands for several sequences, are now these.
  void reshape(SequenceId id, const CellCounts& cells) {
    Row& row = held(id);
    TESSERA_INVARIANT(row.padding == Tokens{0} && !row.has_ended, "a living row is reshaped");
    totals_ -= row.cells();
    row.written = cells.live;
    row.final_entries = cells.live + cells.future;
    row.reserved = row.final_entries + cells.never;
    totals_ += row.cells();
  }

  // The first `cells` of a row without padding, which have been written, are somebody else's now.
  void hand_over(SequenceId id, Tokens cells) {
    Row& row = held(id);
    TESSERA_INVARIANT(row.padding == Tokens{0} && !row.has_ended && cells <= row.written,
                      "a living row's entries are handed over");
    totals_ -= row.cells();
    row.reserved -= cells;
    row.written -= cells;
    row.final_entries -= cells;
    totals_ += row.cells();
  }

  void end(SequenceId id) {
    Row& row = held(id);
    TESSERA_INVARIANT(!row.has_ended, "a sequence ends once");
    const CellCounts cells = row.cells();
    totals_ -= cells;
    row.dead = cells.live;
    row.has_ended = true;
    totals_ += row.cells();
  }

  void close(SequenceId id) {
    Row& row = held(id);
    totals_ -= row.cells();
    row = {};
  }

  [[nodiscard]] const CellCounts& totals() const { return totals_; }

  void audit() const {
    CellCounts fresh;
    for (const Row& row : rows_) {
      TESSERA_INVARIANT(row.written <= row.reserved, "written entries lie in the reservation");
      fresh += row.cells();
    }
    TESSERA_INVARIANT(fresh == totals_, "the totals are the sums over the rows");
  }

 private:
  [[nodiscard]] Row& held(SequenceId id) {
    TESSERA_INVARIANT(holds(id), "a sequence holds KV between its admission and its release");
    return rows_[index_of(id)];
  }

  std::vector<Row> rows_;  // by sequence id
  CellCounts totals_;
};

// For how many more steps the rows of `batch` have room, beyond the entry that they write next.
[[nodiscard]] inline std::int64_t steps_with_room(const RowTable& rows,
                                                  std::span<const SequenceId> batch) {
  Tokens least = Tokens::max();
  for (const SequenceId id : batch) {
    least = std::min(least, rows.row(id).reserved - rows.row(id).written - Tokens{1});
  }
  return least.count();
}

// The classes of a usage that rows make up.
[[nodiscard]] inline KvUsage usage_of(const CellCounts& cells, Bytes bytes_per_token) {
  KvUsage usage;
  usage.live = bytes_per_token * cells.live.count();
  usage.dead = bytes_per_token * cells.dead.count();
  usage.pad = bytes_per_token * cells.pad.count();
  usage.reserved_future = bytes_per_token * cells.future.count();
  usage.reserved_never = bytes_per_token * cells.never.count();
  return usage;
}

}  // namespace tessera
