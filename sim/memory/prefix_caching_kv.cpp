// The KV cache in blocks with prefix caching, as vLLM's V1 engine keeps it (kv_cache_manager.py,
// block_pool.py; v0.11.0, v0.20.1 and main of 2026-07).
//
// A new sequence is given the longest run of cached full blocks from its start, though never its
// last token, which must be computed to sample the next. A block can be found from the moment its
// tokens are scheduled; blocks that happen to hold the same content are not merged. A free block
// that is found counts against the free blocks when an admission is checked.
//
// In the ledger a block's cells belong to the row of the sequence that took it; once that one has
// left and others still refer to it, it is live by itself.
#include "sim/memory/prefix_caching_kv.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/memory/paged_layout.hpp"
#include "sim/memory/prefix_block_pool.hpp"
#include "sim/memory/row_table.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class PrefixCachingKv final : public KvCache {
 public:
  PrefixCachingKv(const PagedKvSpec& spec, const KvPool& pool)
      : layout_(paged_layout(spec, pool)),
        bytes_per_token_(pool.bytes_per_token),
        block_size_(spec.block_size),
        watermark_(watermark_blocks(spec, pool, layout_)),
        blocks_(first_block(layout_), end_block(layout_), pool.freed_blocks),
        owners_(static_cast<std::size_t>(layout_.total.count())),
        counted_duplicate_(static_cast<std::size_t>(layout_.total.count())) {}

  [[nodiscard]] Bytes pool() const override { return layout_.pool; }

  [[nodiscard]] bool can_ever_hold(const KvSequence& sequence) const override {
    return blocks_of(sequence.final_entries()) <= usable();
  }

  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const override {
    const Blocks each = blocks_of(prompt + output - Tokens{1});
    return usable() / std::max(each, Blocks{1});
  }

  [[nodiscard]] Tokens capacity() const override { return block_size_ * usable().count(); }

  [[nodiscard]] Tokens cached_prefix(const KvSequence& sequence, Tokens known) const override {
    const std::int64_t most = (known - Tokens{1}) / block_size_;
    std::int64_t hits = 0;
    while (hits < most && blocks_.find(key_of(sequence.content, hits))) {
      ++hits;
    }
    return block_size_ * hits;
  }

  [[nodiscard]] Grant could_admit(const KvSequence& sequence,
                                  const Admission& admission) const override {
    const Blocks needed = blocks_of(std::max(admission.entries, admission.must_fit));
    if (needed > usable()) {
      return Grant::never;
    }
    const Blocks hits{admission.cached / block_size_};
    Blocks from_free{0};
    for (std::int64_t i = 0; i < hits.count(); ++i) {
      from_free += Blocks{blocks_.is_free(hit(sequence, i)) ? 1 : 0};
    }
    const Blocks kept_free = admission.watermark_applies ? watermark_ : Blocks{0};
    return needed - hits + from_free + kept_free > blocks_.num_free() ? Grant::later : Grant::ok;
  }

  Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& /*work*/) override {
    const Grant grant = could_admit(sequence, admission);
    if (grant != Grant::ok) {
      return grant;
    }
    Held& held = held_at(sequence.id);
    held.content = sequence.content;
    held.hits = Blocks{admission.cached / block_size_};
    held.published = held.hits;
    for (std::int64_t i = 0; i < held.hits.count(); ++i) {
      const BlockId block = hit(sequence, i);
      ownerless_ += Blocks{blocks_.is_free(block) ? 1 : 0};
      blocks_.refer(block);
      held.blocks.push_back(block);
    }
    KvSequence own = sequence;
    own.prompt -= admission.cached;
    rows_.open(own, Tokens{0});
    take(sequence.id, blocks_of(admission.entries));
    return Grant::ok;
  }

  Grant extend(SequenceId id, Tokens entries, KvWork& /*work*/) override {
    const Blocks needed = blocks_of(entries);
    if (needed > usable()) {
      return Grant::never;
    }
    const Blocks more = needed - size_of(held_at(id));
    if (more > blocks_.num_free()) {
      return Grant::later;
    }
    take(id, needed);
    return Grant::ok;
  }

  void publish(SequenceId id, Tokens entries) override {
    Held& held = held_at(id);
    const Blocks full = std::min(Blocks{entries / block_size_}, size_of(held));
    for (; held.published < full; ++held.published) {
      const BlockId block = held.blocks[static_cast<std::size_t>(held.published.count())];
      blocks_.set_key(block, key_of(held.content, held.published.count()));
    }
  }

  void write(SequenceId id, Tokens entries) override {
    const Tokens before = rows_.row(id).written;
    rows_.write(id, entries);
    const Held& held = held_at(id);
    const std::int64_t full = held.hits.count() + (before + entries) / block_size_;
    for (std::int64_t i = held.hits.count() + before / block_size_; i < full; ++i) {
      const BlockId block = held.blocks[static_cast<std::size_t>(i)];
      if (blocks_.is_duplicate(block)) {
        counted_duplicate_[ordinal(block)] = true;
        ++duplicates_;
      }
    }
  }

  void end_of_sequence(SequenceId id) override { rows_.end(id); }

  void release(SequenceId id) override {
    Held& held = held_at(id);
    rows_.close(id);
    std::reverse(held.blocks.begin(), held.blocks.end());
    blocks_.give_back(held.blocks);
    for (const BlockId block : held.blocks) {
      settle_owner(block, id);
    }
    held.blocks.clear();
  }

  [[nodiscard]] bool has_outlook() const override { return true; }

  // To the step before the first one that fills a block, which others can find from then on.
  void look_ahead(std::span<const SequenceId> batch, std::int64_t steps, Blocks kept_free,
                  KvOutlook& outlook) const override {
    outlook.begin(batch.size());
    if (blocks_.num_free() < kept_free) {
      return;
    }
    for (const SequenceId id : batch) {
      const Row& row = rows_.row(id);
      const Tokens room = (row.reserved - row.written - Tokens{1}) % block_size_;
      steps = std::min(steps, std::max(room.count() - 1, std::int64_t{0}));
    }
    outlook.steps = steps;
  }
  void go_on(std::span<const SequenceId> batch, std::int64_t steps) override {
    rows_.write_each(batch, Tokens{steps});
  }

  Grant swap_out(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }

  // Any free block serves any sequence, so no request waits for a place.
  void set_head_of_queue(std::optional<KvSequence> /*head*/) override {}

  [[nodiscard]] KvUsage usage() const override {
    KvUsage usage = usage_of(rows_.totals(), bytes_per_token_);
    const Blocks free = blocks_.num_free() - blocks_.num_cached();
    const Blocks guarded = std::min(watermark_, free);
    usage.live += layout_.block * (ownerless_ - duplicates_).count();
    usage.duplicate = layout_.block * duplicates_.count();
    usage.cached_prefix = layout_.block * blocks_.num_cached().count();
    usage.withheld = tail_of(layout_) + layout_.block * (layout_.null_blocks + guarded).count();
    usage.free_usable = layout_.block * (free - guarded).count();
    usage.largest_free = usage.free_usable;
    return usage;
  }

  [[nodiscard]] SequenceKvUsage usage(SequenceId id) const override {
    if (!rows_.holds(id)) {
      return {};
    }
    const Row& row = rows_.row(id);
    const Tokens shared = block_size_ * held_[index_of(id)].hits.count();
    return {.written = bytes_per_token_ * (row.cells().live + shared).count(),
            .reserved = bytes_per_token_ * (row.reserved + shared).count()};
  }

  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return blocks_.num_free(); }
  [[nodiscard]] std::optional<Blocks> total_blocks() const override { return layout_.total; }

  void audit() const override {
    rows_.audit();
    blocks_.audit();
    Blocks owned{0};
    for (const auto& owner : owners_) {
      owned += Blocks{owner.has_value() ? 1 : 0};
    }
    TESSERA_INVARIANT(owned + ownerless_ + blocks_.num_free() == usable(),
                      "every block is free, owned, or held by those who share it");
    TESSERA_INVARIANT(Blocks{std::count(counted_duplicate_.begin(), counted_duplicate_.end(),
                                        true)} == duplicates_,
                      "duplicates are counted");
    TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
  }

 private:
  // What one sequence refers to, from its first block.
  struct Held {
    ContentKeys content;
    std::vector<BlockId> blocks;
    Blocks hits{0};       // found in the cache
    Blocks published{0};  // with keys
  };

  // Of a sequence's full block number `n`: the key of its last position.
  [[nodiscard]] std::uint64_t key_of(const ContentKeys& content, std::int64_t n) const {
    return content.key(block_size_ * (n + 1) - Tokens{1});
  }
  static std::size_t ordinal(BlockId block) { return static_cast<std::size_t>(block); }
  static Blocks size_of(const Held& held) {
    return Blocks{static_cast<std::int64_t>(held.blocks.size())};
  }

  [[nodiscard]] Held& held_at(SequenceId id) {
    if (index_of(id) >= held_.size()) {
      held_.resize(index_of(id) + 1);
    }
    return held_[index_of(id)];
  }

  [[nodiscard]] BlockId hit(const KvSequence& sequence, std::int64_t ordinal_in_sequence) const {
    const auto block = blocks_.find(key_of(sequence.content, ordinal_in_sequence));
    TESSERA_INVARIANT(block.has_value(), "what was found in the cache is still there");
    return *block;
  }

  void take(SequenceId id, Blocks count) {
    Held& held = held_at(id);
    while (size_of(held) < count) {
      forget_front_duplicate();
      const BlockId block = blocks_.take();
      owners_[ordinal(block)] = id;
      held.blocks.push_back(block);
    }
    rows_.grow(id, block_size_ * (size_of(held) - held.hits).count());
  }

  // The block that is taken next loses its key: the second with that key is then the first.
  void forget_front_duplicate() {
    const auto front = blocks_.front();
    if (!front || !blocks_.has_key(*front) || blocks_.is_duplicate(*front)) {
      return;
    }
    const auto second = blocks_.next_with_same_key(*front);
    if (second) {
      uncount_duplicate(*second);
    }
  }

  void uncount_duplicate(BlockId block) {
    if (counted_duplicate_[ordinal(block)]) {
      counted_duplicate_[ordinal(block)] = false;
      --duplicates_;
    }
  }

  // After `id` has let go of `block`.
  void settle_owner(BlockId block, SequenceId id) {
    std::optional<SequenceId>& owner = owners_[ordinal(block)];
    const bool is_free = blocks_.is_free(block);
    if (is_free) {
      uncount_duplicate(block);
    }
    if (owner == id) {
      owner.reset();
      ownerless_ += Blocks{is_free ? 0 : 1};
    } else if (is_free) {
      --ownerless_;
    }
  }

  // Blocks that sequences can own.
  [[nodiscard]] Blocks usable() const { return layout_.total - layout_.null_blocks; }
  [[nodiscard]] Blocks blocks_of(Tokens entries) const {
    return Blocks{divide_up(entries, block_size_)};
  }

  PagedLayout layout_;
  Bytes bytes_per_token_;
  Tokens block_size_;
  Blocks watermark_;
  PrefixBlockPool blocks_;
  RowTable rows_;           // of the cells in blocks that a sequence took itself
  std::vector<Held> held_;  // by sequence id
  std::vector<std::optional<SequenceId>> owners_;  // by block: who took it, while it holds it
  Blocks ownerless_{0};                            // referred to, but not by who took it
  std::vector<bool> counted_duplicate_;  // by block: in use, written, and not the first of its key
  Blocks duplicates_{0};
};

}  // namespace

std::unique_ptr<KvCache> make_prefix_caching_kv(const PagedKvSpec& spec, const KvPool& pool) {
  return std::make_unique<PrefixCachingKv>(spec, pool);
}

}  // namespace tessera
