// llama.cpp's KV cache: n_ctx cells, one token each, that all sequences share. Every new token
// takes a cell, and attention scans the cells up to the last used one, rounded up (n_pad), whoever
// they belong to.
//
// contiguous: llama_kv_cache_find_slot (until 2025). The tokens of a call need a run of free cells.
// The search starts at the head, which stands behind what was stored last; goes back to 0 when the
// cells before it have emptied (head > used + 2·tokens) and where the end is reached; and gives up
// when all cells have been tested, leaving the head where it stopped. Giving cells back before the
// head moves the head there.
// any: llama_kv_cache::find_slot with cont = false. The same head, but each token takes the next
// free cell.
// Here a call is one sequence's new tokens of a step, where llama.cpp puts those of all sequences
// into one micro-batch.
//
// With slots (n_parallel without kv_unified) a sequence can have n_ctx / slots cells, and there are
// never more sequences than slots.
#include <algorithm>
#include <limits>
#include <vector>

#include "sim/memory/cell_map.hpp"
#include "sim/memory/row_table.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/time.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

// As many as memory holds, but no more than the sequences that run at once can ever fill.
std::int64_t number_of_cells(const CellsKvSpec& spec, const KvPool& pool) {
  if (spec.num_cells) {
    return spec.num_cells->count();
  }
  const std::int64_t fit = pool.bytes / pool.bytes_per_token;
  const Int128 fillable = Int128{pool.max_model_len.count()} * pool.max_num_seqs;
  return fillable < fit ? static_cast<std::int64_t>(fillable) : fit;
}

class CellsKv final : public KvCache {
 public:
  CellsKv(const CellsKvSpec& spec, const KvPool& pool)
      : pool_(spec.num_cells ? pool.bytes_per_token * spec.num_cells->count() : pool.bytes),
        bytes_per_cell_(pool.bytes_per_token),
        choice_(spec.choice),
        padding_(spec.padding),
        cells_(number_of_cells(spec, pool)),
        most_sequences_(spec.slots.value_or(std::numeric_limits<std::int64_t>::max())),
        most_cells_(spec.slots ? cells_.size() / *spec.slots : cells_.size()) {}

  [[nodiscard]] Bytes pool() const override { return pool_; }
  [[nodiscard]] bool can_ever_hold(const KvSequence& sequence) const override {
    return sequence.final_entries().count() <= most_cells_;
  }
  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const override {
    const std::int64_t entries = (prompt + output - Tokens{1}).count();
    return entries > most_cells_ ? 0 : std::min(cells_.size() / entries, most_sequences_);
  }
  [[nodiscard]] Tokens capacity() const override { return Tokens{cells_.size()}; }
  [[nodiscard]] Tokens cached_prefix(const KvSequence& /*sequence*/,
                                     Tokens /*known*/) const override {
    return Tokens{0};
  }

  [[nodiscard]] Grant could_admit(const KvSequence& /*sequence*/,
                                  const Admission& admission) const override {
    const std::int64_t most = std::max(admission.entries, admission.must_fit).count();
    if (most > most_cells_) {
      return Grant::never;
    }
    const bool has_slot = num_sequences_ < most_sequences_;
    const bool fits = most <= num_free() && has_room(admission.entries.count());
    return has_slot && fits ? Grant::ok : Grant::later;
  }

  Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& /*work*/) override {
    const Grant grant = could_admit(sequence, admission);
    if (grant == Grant::ok) {
      rows_.open(sequence, admission.entries);
      owned_.resize(rows_.size());
      ++num_sequences_;
      take(owned_[index_of(sequence.id)], admission.entries.count());
    } else if (grant == Grant::later && num_sequences_ < most_sequences_ &&
               admission.must_fit.count() <= num_free()) {
      lose_head(admission.entries.count());
    }
    return grant;
  }

  Grant extend(SequenceId id, Tokens entries, KvWork& /*work*/) override {
    const std::int64_t more = (entries - rows_.row(id).reserved).count();
    if (more <= 0) {
      return Grant::ok;
    }
    if (entries.count() > most_cells_) {
      return Grant::never;
    }
    if (!has_room(more)) {
      lose_head(more);
      return Grant::later;
    }
    take(owned_[index_of(id)], more);
    rows_.grow(id, entries);
    return Grant::ok;
  }

  void settle(KvWork& work) override {
    work.cells_scanned += Tokens{num_scanned() - cells_.num_used()};
  }

  void publish(SequenceId /*id*/, Tokens /*entries*/) override {}
  void write(SequenceId id, Tokens entries) override { rows_.write(id, entries); }
  void end_of_sequence(SequenceId id) override { rows_.end(id); }

  void release(SequenceId id) override {
    rows_.close(id);
    --num_sequences_;
    std::vector<CellMap::Cell>& owned = owned_[index_of(id)];
    for (const CellMap::Cell cell : owned) {
      cells_.give_back(cell);
      head_ = std::min(head_, cell);
    }
    owned.clear();
  }

  Grant swap_out(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  void set_head_of_queue(std::optional<KvSequence> head) override {
    waiting_ = head ? std::optional((head->left_padding + head->prompt).count()) : std::nullopt;
  }

  [[nodiscard]] KvUsage usage() const override {
    KvUsage usage = usage_of(rows_.totals(), bytes_per_cell_);
    usage.withheld = pool_ - bytes_of(cells_.size());
    usage.largest_free = bytes_of(choice_ == CellChoice::any ? num_free() : cells_.longest_free());
    const bool is_kept_out = waiting_ && *waiting_ <= num_free() && !has_room(*waiting_);
    usage.external_demand = bytes_of(is_kept_out ? num_free() : 0);
    usage.free_unusable = usage.external_demand;
    usage.free_usable = bytes_of(num_free()) - usage.free_unusable;
    return usage;
  }

  [[nodiscard]] SequenceKvUsage usage(SequenceId id) const override {
    if (!rows_.holds(id)) {
      return {};
    }
    const Row& row = rows_.row(id);
    return {.written = bytes_of(row.cells().live.count()),
            .reserved = bytes_of(row.reserved.count())};
  }

  // A cell is a block of one token.
  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return Blocks{num_free()}; }
  [[nodiscard]] std::optional<Blocks> total_blocks() const override {
    return Blocks{cells_.size()};
  }

  void audit() const override {
    rows_.audit();
    std::vector<bool> seen(static_cast<std::size_t>(cells_.size()), false);
    std::int64_t held = 0;
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
      const SequenceId id{i};
      held += rows_.holds(id) ? 1 : 0;
      const auto reserved = rows_.holds(id) ? rows_.row(id).reserved : Tokens{0};
      TESSERA_INVARIANT(static_cast<std::int64_t>(owned_[i].size()) == reserved.count(),
                        "a row's cells are those that it was given");
      for (const CellMap::Cell cell : owned_[i]) {
        TESSERA_INVARIANT(!seen[static_cast<std::size_t>(cell)] && cells_.is_used(cell),
                          "a used cell has one owner");
        seen[static_cast<std::size_t>(cell)] = true;
      }
    }
    TESSERA_INVARIANT(held == num_sequences_, "sequences are counted");
    TESSERA_INVARIANT(std::count(seen.begin(), seen.end(), true) == cells_.num_used(),
                      "every used cell has an owner");
    TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
  }

 private:
  [[nodiscard]] Bytes bytes_of(std::int64_t cells) const { return bytes_per_cell_ * cells; }
  [[nodiscard]] std::int64_t num_free() const { return cells_.size() - cells_.num_used(); }

  // Cells that attention scans.
  [[nodiscard]] std::int64_t num_scanned() const {
    const Tokens used{cells_.end_of_used()};
    return used == Tokens{0} ? 0 : std::min(round_up(used, padding_).count(), cells_.size());
  }

  // Wherever the head stands, the search comes by every cell.
  [[nodiscard]] bool has_room(std::int64_t count) const {
    return count <= (choice_ == CellChoice::any ? num_free() : cells_.longest_free());
  }

  void take(std::vector<CellMap::Cell>& owned, std::int64_t count) {
    if (count == 0) {
      return;
    }
    go_back_to_emptied_cells(count);
    const std::int64_t run = choice_ == CellChoice::any ? 1 : count;
    for (std::int64_t taken = 0; taken < count; taken += run) {
      const auto ahead = cells_.first_run(head_, run);
      const auto found = ahead ? ahead : cells_.first_run(0, run);
      TESSERA_INVARIANT(found.has_value(), "a search comes by every run of free cells");
      for (CellMap::Cell cell = *found; cell < *found + run; ++cell) {
        cells_.take(cell);
        owned.push_back(cell);
      }
      head_ = *found + run;
    }
    head_ = head_ >= cells_.size() ? 0 : head_;
  }

  void go_back_to_emptied_cells(std::int64_t count) {
    if (head_ > cells_.num_used() + 2 * count) {
      head_ = 0;
    }
  }

  // Where a search for a run that is not there leaves the head. It tests cell by cell from the head
  // on, skips each used one, and goes on at 0 where the run would pass the end; it stops at a used
  // cell when it has tested as many cells as there are.
  void lose_head(std::int64_t count) {
    if (choice_ == CellChoice::any || count == 0 || count > cells_.size()) {
      return;
    }
    go_back_to_emptied_cells(count);
    // From 0 on, that many are tested only at the last cell; else on the second way from 0.
    const CellMap::Cell enough = (head_ == 0 ? cells_.size() : head_) - 1;
    const std::optional<CellMap::Cell> last = cells_.first_used(enough);
    const CellMap::Cell start = last ? cells_.last_used_before(*last).value_or(-1) + 1 : 0;
    const bool passes_the_end = !last || start + count > cells_.size();
    head_ = passes_the_end ? cells_.first_used(0).value_or(-1) + 1 : *last + 1;
  }

  Bytes pool_;
  Bytes bytes_per_cell_;
  CellChoice choice_;
  Tokens padding_;
  CellMap cells_;
  std::int64_t most_sequences_;
  std::int64_t most_cells_;  // of one sequence
  CellMap::Cell head_ = 0;
  RowTable rows_;
  std::vector<std::vector<CellMap::Cell>> owned_;  // by sequence id
  std::int64_t num_sequences_ = 0;
  std::optional<std::int64_t> waiting_;  // cells that the head of the queue needs
};

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(const CellsKvSpec& spec, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  TESSERA_INVARIANT(pool.max_model_len > Tokens{0}, "a context holds a token");
  return std::make_unique<CellsKv>(spec, pool);
}

}  // namespace tessera
