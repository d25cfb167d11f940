// The KV cache in blocks with prefix caching, as vLLM v0 keeps it (block/prefix_caching_block.py,
// evictor_v2.py and block_manager_v2.py of v0.6.3).
//
// A full block is known by its content as soon as a sequence has it. A sequence is given the blocks
// that others have, or had, of equal content, and one that fills up a block of content that is
// known gives its own back for that one: there are no duplicates. Until the step that fills a block
// has been decided, whoever shares it computes it, too; from then on it counts as a hit. A
// prompt's last block is never hit, though it may be shared.
//
// An admission does not look at what is shared: it wants free blocks for all its tokens.
//
// A block that nobody refers to any more stays, where its content is known, until there are no
// other free ones. Then goes, from the front of those that are left in the order of their leaving,
// and up to the first that was used later than the best one so far, the one whose content is the
// longest: of a sequence's blocks the last. Blocks are used when a sequence that has them is
// scheduled.
#include "sim/memory/merging_prefix_kv.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <iterator>
#include <list>
#include <vector>

#include "sim/memory/paged_layout.hpp"
#include "sim/memory/row_table.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class MergingPrefixKv final : public KvCache {
 public:
  MergingPrefixKv(const PagedKvSpec& spec, const KvPool& pool)
      : layout_(paged_layout(spec, pool)),
        bytes_per_token_(pool.bytes_per_token),
        block_size_(spec.block_size),
        watermark_(watermark_blocks(spec, pool, layout_)),
        untouched_(layout_.total - layout_.null_blocks) {}

  [[nodiscard]] Bytes pool() const override { return layout_.pool; }

  // Preempted late, it must be admitted with all its entries; its last decode wants a free block.
  [[nodiscard]] bool can_ever_hold(const KvSequence& sequence) const override {
    const Tokens entries = sequence.final_entries();
    const Tokens last{sequence.output > Tokens{1} ? 1 : 0};
    return blocks_of(entries) + watermark_ <= usable() &&
           blocks_of(entries - last) + Blocks{last.count()} <= usable();
  }

  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const override {
    return usable() / std::max(blocks_of(prompt + output - Tokens{1}), Blocks{1});
  }

  [[nodiscard]] Tokens capacity() const override { return block_size_ * usable().count(); }

  [[nodiscard]] Tokens cached_prefix(const KvSequence& sequence, Tokens known) const override {
    const std::int64_t most = blocks_of(known).count() - 1;
    std::int64_t hits = 0;
    while (hits < most) {
      const auto found = by_key_.find(key_of(sequence.content, hits));
      if (found == by_key_.end() || !is_computed(blocks_[found->second])) {
        break;
      }
      ++hits;
    }
    return block_size_ * hits;
  }

  [[nodiscard]] Grant could_admit(const KvSequence& /*sequence*/,
                                  const Admission& admission) const override {
    const Blocks needed = blocks_of(std::max(admission.entries, admission.must_fit));
    if (needed > usable()) {
      return Grant::never;
    }
    const Blocks kept_free = admission.watermark_applies ? watermark_ : Blocks{0};
    return needed + kept_free > num_free() ? Grant::later : Grant::ok;
  }

  Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& /*work*/) override {
    const Grant grant = could_admit(sequence, admission);
    if (grant != Grant::ok) {
      return grant;
    }
    Held& held = held_at(sequence.id);
    TESSERA_INVARIANT(held.table.empty(), "a sequence that is admitted holds nothing");
    held.content = sequence.content;
    held.end = sequence.final_entries();
    held.written = admission.cached;
    held.last_use = step_;
    for (std::int64_t i = 0; i < blocks_of(admission.entries).count(); ++i) {
      const bool is_full = block_size_ * (i + 1) <= std::min(admission.entries, admission.known);
      const auto known = is_full ? by_key_.find(key_of(held.content, i)) : by_key_.end();
      held.table.push_back(known != by_key_.end() ? share(known->second) : take(held, i));
      if (is_full) {
        promote(held, i);
      }
    }
    return Grant::ok;
  }

  Grant extend(SequenceId id, Tokens entries, KvWork& /*work*/) override {
    Held& held = held_at(id);
    const Blocks needed = blocks_of(entries);
    if (needed > usable()) {
      return Grant::never;
    }
    if (needed - held.size() > num_free()) {
      return Grant::later;
    }
    held.last_use = step_;
    while (held.size() < needed) {
      held.table.push_back(take(held, held.size().count()));
    }
    return Grant::ok;
  }

  // The step has been decided: what it fills can be hit from now on.
  void settle(KvWork& /*work*/) override {
    for (const Index block : touched_) {
      blocks_[block].computed = true;
    }
    touched_.clear();
    ++step_;
  }

  void publish(SequenceId id, Tokens entries) override {
    Held& held = held_at(id);
    const std::int64_t full = std::min(Blocks{entries / block_size_}, held.size()).count();
    while (held.published < full) {
      promote(held, held.published);
    }
  }

  void write(SequenceId id, Tokens entries) override {
    Held& held = held_at(id);
    const Tokens end = held.written + entries;
    TESSERA_INVARIANT(end <= block_size_ * held.size().count(),
                      "written entries lie in the reservation");
    for (std::int64_t i = held.written / block_size_; block_size_ * i < end; ++i) {
      Block& block = blocks_[held.table[static_cast<std::size_t>(i)]];
      cells_ -= cells_of(block);
      block.written = std::max(block.written, std::min(end - block_size_ * i, block_size_));
      block.to_come = std::max(block.to_come, block.written);
      cells_ += cells_of(block);
    }
    held.written = end;
  }

  void end_of_sequence(SequenceId /*id*/) override {}

  void release(SequenceId id) override {
    Held& held = held_at(id);
    for (const Index block : held.table) {
      blocks_[block].last_use = held.last_use;
    }
    for (const Index block : held.table) {
      let_go(block);
    }
    held = {};
  }

  Grant swap_out(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  void set_head_of_queue(std::optional<KvSequence> /*head*/) override {}

  [[nodiscard]] KvUsage usage() const override {
    KvUsage usage = usage_of(cells_, bytes_per_token_);
    const Blocks free = untouched_ + Blocks{static_cast<std::int64_t>(returned_.size())};
    const Blocks guarded = std::min(watermark_, free);
    usage.cached_prefix = layout_.block * num_cached().count();
    usage.withheld = tail_of(layout_) + layout_.block * (layout_.null_blocks + guarded).count();
    usage.free_usable = layout_.block * (free - guarded).count();
    usage.largest_free = usage.free_usable;
    return usage;
  }

  [[nodiscard]] SequenceKvUsage usage(SequenceId id) const override {
    if (index_of(id) >= held_.size()) {
      return {};
    }
    const Held& held = held_[index_of(id)];
    return {.written = bytes_per_token_ * held.written.count(),
            .reserved = layout_.block * held.size().count()};
  }

  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return num_free(); }
  [[nodiscard]] std::optional<Blocks> total_blocks() const override { return layout_.total; }

  void audit() const override {
    std::vector<std::int64_t> references(blocks_.size(), 0);
    for (const Held& held : held_) {
      for (const Index block : held.table) {
        ++references[block];
      }
    }
    CellCounts cells;
    Blocks in_use{0};
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      TESSERA_INVARIANT(references[i] == blocks_[i].references, "a block knows who refers to it");
      in_use += Blocks{references[i] > 0 ? 1 : 0};
      cells += references[i] > 0 ? cells_of(blocks_[i]) : CellCounts{};
    }
    TESSERA_INVARIANT(cells == cells_, "the totals are the sums over the blocks");
    TESSERA_INVARIANT(in_use + num_free() == usable(), "every block is free or in use");
    TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
  }

 private:
  using Index = std::uint32_t;
  struct Block {
    std::int64_t references = 0;
    Tokens written{0};
    Tokens to_come{0};  // of its cells, those that are or will be written
    bool has_key = false;
    bool computed = false;
    std::uint64_t key = 0;
    std::int64_t ordinal = 0;            // in the sequences that have it
    std::int64_t last_use = -1;          // step in which one of them was scheduled
    std::list<Index>::iterator place{};  // among the unused, if it is one
  };
  struct Held {
    ContentKeys content;
    std::vector<Index> table;
    Tokens end{0};  // entries when it ends
    Tokens written{0};
    std::int64_t published = 0;  // full blocks that are known by their content
    std::int64_t last_use = -1;
    [[nodiscard]] Blocks size() const { return Blocks{static_cast<std::int64_t>(table.size())}; }
  };

  [[nodiscard]] Blocks usable() const { return layout_.total - layout_.null_blocks; }
  [[nodiscard]] Blocks blocks_of(Tokens entries) const {
    return Blocks{divide_up(entries, block_size_)};
  }
  [[nodiscard]] Blocks num_cached() const {
    return Blocks{static_cast<std::int64_t>(unused_.size())};
  }
  [[nodiscard]] Blocks num_free() const {
    return untouched_ + Blocks{static_cast<std::int64_t>(returned_.size())} + num_cached();
  }
  [[nodiscard]] std::uint64_t key_of(const ContentKeys& content, std::int64_t n) const {
    return content.key(block_size_ * (n + 1) - Tokens{1});
  }
  [[nodiscard]] CellCounts cells_of(const Block& block) const {
    return {.live = block.written,
            .future = block.to_come - block.written,
            .never = block_size_ - block.to_come};
  }
  // vLLM takes a block that nobody refers to for computed.
  [[nodiscard]] static bool is_computed(const Block& block) {
    return block.references == 0 || block.computed;
  }

  [[nodiscard]] Held& held_at(SequenceId id) {
    if (index_of(id) >= held_.size()) {
      held_.resize(index_of(id) + 1);
    }
    return held_[index_of(id)];
  }

  // A block of its own, as the sequence's number `n`.
  Index take(const Held& held, std::int64_t n) {
    const Index taken = free_block();
    Block& block = blocks_[taken];
    block = {.references = 1,
             .to_come = std::clamp(held.end - block_size_ * n, Tokens{0}, block_size_),
             .ordinal = n};
    cells_ += cells_of(block);
    return taken;
  }

  Index free_block() {
    if (untouched_ > Blocks{0}) {
      --untouched_;
      blocks_.emplace_back();
      return static_cast<Index>(blocks_.size() - 1);
    }
    if (!returned_.empty()) {
      const Index block = returned_.back();
      returned_.pop_back();
      return block;
    }
    return evict();
  }

  Index evict() {
    TESSERA_INVARIANT(!unused_.empty(), "a block is taken only where one is free");
    auto best = unused_.begin();
    for (auto next = std::next(best); next != unused_.end(); ++next) {
      if (blocks_[*best].last_use < blocks_[*next].last_use) {
        break;
      }
      best = blocks_[*best].ordinal < blocks_[*next].ordinal ? next : best;
    }
    const Index block = *best;
    unused_.erase(best);
    by_key_.erase(blocks_[block].key);
    return block;
  }

  Index share(Index index) {
    Block& block = blocks_[index];
    if (block.references == 0) {
      unused_.erase(block.place);
      block.computed = true;
      block.last_use = -1;
      cells_ += cells_of(block);
    }
    ++block.references;
    return index;
  }

  // The sequence's block number `n` is full: it is known by its content from now on, or gives way
  // to the one that is.
  void promote(Held& held, std::int64_t n) {
    Index& own = held.table[static_cast<std::size_t>(n)];
    TESSERA_INVARIANT(n == held.published, "blocks are known from the first one on");
    ++held.published;
    const std::uint64_t key = key_of(held.content, n);
    const auto [known, is_new] = by_key_.try_emplace(key, own);
    if (is_new) {
      blocks_[own].has_key = true;
      blocks_[own].key = key;
      touched_.push_back(own);
    } else if (known->second != own) {
      const Index other = share(known->second);
      let_go(own);
      own = other;
    }
  }

  void let_go(Index index) {
    Block& block = blocks_[index];
    if (--block.references > 0) {
      return;
    }
    cells_ -= cells_of(block);
    if (!block.has_key) {
      returned_.push_back(index);
      return;
    }
    // What it holds counts as written, whether or not the step that fills it has ended.
    block.written = block.to_come = block_size_;
    block.place = unused_.insert(unused_.end(), index);
  }

  PagedLayout layout_;
  Bytes bytes_per_token_;
  Tokens block_size_;
  Blocks watermark_;
  Blocks untouched_;  // that were never taken
  std::vector<Block> blocks_;
  std::vector<Index> returned_;  // without content that is known
  std::list<Index> unused_;      // the others, in the order in which they were left
  boost::unordered_flat_map<std::uint64_t, Index> by_key_;
  std::vector<Index> touched_;  // become known in the step that is being decided
  std::vector<Held> held_;      // by sequence id
  std::int64_t step_ = 0;
  CellCounts cells_;
};

}  // namespace

std::unique_ptr<KvCache> make_merging_prefix_kv(const PagedKvSpec& spec, const KvPool& pool) {
  return std::make_unique<MergingPrefixKv>(spec, pool);
}

}  // namespace tessera
