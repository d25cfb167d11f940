// SGLang's KV cache (RadixCache and the paged allocators of python/sglang/srt/mem_cache): pages of
// one token by default, of which finished and preempted sequences leave their content in a radix
// tree for others to find.
//
// A sequence is given the longest prefix that the tree has, in whole pages, though never its last
// token, and locks it. When a step that prefilled has run, the pages that it filled go into the
// tree (cache_unfinished_req); where the tree has them by then, the copies are given back. What it
// generates goes in when it ends (cache_finished_req); whoever is preempted takes nothing but its
// prefill with it into the tree. Pages that are missing are taken from leaves that nobody uses. A
// page beside the pool, slot 0, takes what padding writes.
//
// SGLang evicts once for all requests of a step; here each request's pages are found by themselves.
#include <algorithm>
#include <vector>

#include "sim/memory/block_outlook.hpp"
#include "sim/memory/paged_layout.hpp"
#include "sim/memory/radix_tree.hpp"
#include "sim/memory/row_table.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

std::optional<Blocks> pages_asked_for(const RadixKvSpec& spec) {
  const auto fixed = spec.fixed_pool();
  return fixed ? std::optional(Blocks{*fixed / spec.page_size}) : std::nullopt;
}

class RadixKv final : public KvCache {
 public:
  RadixKv(const RadixKvSpec& spec, const KvPool& pool)
      : layout_(paged_layout(spec.page_size, pages_asked_for(spec), Blocks{1}, pool)),
        bytes_per_token_(pool.bytes_per_token),
        page_(spec.page_size),
        free_(usable()),
        tree_(spec.page_size) {}

  [[nodiscard]] Bytes pool() const override { return layout_.pool; }

  [[nodiscard]] bool can_ever_hold(const KvSequence& sequence) const override {
    return pages_of(sequence.final_entries()) <= usable();
  }

  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const override {
    return usable() / std::max(pages_of(prompt + output - Tokens{1}), Blocks{1});
  }

  [[nodiscard]] Tokens capacity() const override { return page_ * usable().count(); }

  [[nodiscard]] Tokens cached_prefix(const KvSequence& sequence, Tokens known) const override {
    return sequence.left_padding > Tokens{0}
               ? Tokens{0}
               : tree_.match(sequence.content, known - Tokens{1}).tokens;
  }

  [[nodiscard]] Grant could_admit(const KvSequence& sequence,
                                  const Admission& admission) const override {
    const Blocks needed = pages_of(std::max(admission.entries, admission.must_fit));
    if (needed > usable()) {
      return Grant::never;
    }
    const RadixTree::Node prefix = prefix_of(sequence, admission.cached);
    const Blocks own = needed - pages_of(admission.cached);
    const Blocks locked = pages_of(tree_.evictable_on_path(prefix));
    return own + locked > obtainable() ? Grant::later : Grant::ok;
  }

  Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& /*work*/) override {
    const Grant grant = could_admit(sequence, admission);
    if (grant != Grant::ok) {
      return grant;
    }
    Held& held = held_at(sequence.id);
    held = {.content = sequence.content,
            .prefix = prefix_of(sequence, admission.cached),
            .shared = admission.cached,
            .prefilled = std::max(sequence.prompt, admission.known),
            .is_shareable = sequence.left_padding == Tokens{0}};
    tree_.lock(held.prefix);
    KvSequence own = sequence;
    own.prompt -= admission.cached;
    rows_.open(own, Tokens{0});
    take(sequence.id, pages_of(admission.entries) - pages_of(admission.cached));
    return Grant::ok;
  }

  Grant extend(SequenceId id, Tokens entries, KvWork& /*work*/) override {
    const Blocks needed = pages_of(entries);
    if (needed > usable()) {
      return Grant::never;
    }
    const Blocks more = needed - pages_of(held_at(id).shared + rows_.row(id).reserved);
    if (more > obtainable()) {
      return Grant::later;
    }
    take(id, more);
    return Grant::ok;
  }

  // The tree learns of contents when they have been computed.
  void publish(SequenceId /*id*/, Tokens /*entries*/) override {}

  void write(SequenceId id, Tokens entries) override {
    Held& held = held_at(id);
    const Tokens before = held.shared + rows_.row(id).written;
    rows_.write(id, entries);
    if (held.is_shareable && before < held.prefilled && !rows_.row(id).has_ended) {
      keep_prefill(id, held);
    }
  }

  void end_of_sequence(SequenceId id) override {
    rows_.end(id);
    tree_.end(held_at(id).prefix);
  }

  void release(SequenceId id) override {
    Held& held = held_at(id);
    const Row row = rows_.row(id);
    rows_.close(id);
    Tokens kept{0};
    if (row.has_ended && held.is_shareable) {
      const Tokens whole = whole_pages(held.shared + row.dead);
      kept = whole - std::max(tree_.insert(held.content, whole).present, held.shared);
    }
    if (row.has_ended) {
      tree_.unlock_ended(held.prefix);
    } else {
      tree_.unlock(held.prefix);
    }
    free_ += pages_of(row.reserved) - pages_of(kept);
    held = {};
  }

  [[nodiscard]] bool has_outlook() const override { return true; }

  // Until the tree would learn of something, or would have to give up pages.
  void look_ahead(std::span<const SequenceId> batch, std::int64_t steps, Blocks kept_free,
                  KvOutlook& outlook) const override {
    outlook.begin(batch.size());
    const bool prefills = std::any_of(batch.begin(), batch.end(), [this](SequenceId id) {
      const Held& held = held_[index_of(id)];
      return held.shared + rows_.row(id).written < held.prefilled;
    });
    if (!prefills && free_ >= kept_free) {
      look_ahead_in_blocks(rows_, batch, steps,
                           {layout_.block, bytes_per_token_, page_, free_ - kept_free}, outlook);
    }
  }

  void go_on(std::span<const SequenceId> batch, std::int64_t steps) override {
    for (const SequenceId id : batch) {
      const Row& row = rows_.row(id);
      take(id, pages_of(row.written + Tokens{steps + 1}) - pages_of(row.reserved));
      rows_.write(id, Tokens{steps});
    }
  }

  Grant swap_out(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }

  // Any page serves any sequence, so no request waits for a place.
  void set_head_of_queue(std::optional<KvSequence> /*head*/) override {}

  [[nodiscard]] KvUsage usage() const override {
    KvUsage usage = usage_of(rows_.totals(), bytes_per_token_);
    usage.live += bytes_per_token_ * tree_.live().count();
    usage.dead += bytes_per_token_ * tree_.dead().count();
    usage.cached_prefix = bytes_per_token_ * tree_.evictable().count();
    usage.withheld = tail_of(layout_) + layout_.block * layout_.null_blocks.count();
    usage.free_usable = layout_.block * free_.count();
    usage.largest_free = usage.free_usable;
    return usage;
  }

  [[nodiscard]] SequenceKvUsage usage(SequenceId id) const override {
    if (!rows_.holds(id)) {
      return {};
    }
    const Row& row = rows_.row(id);
    const Tokens shared = held_[index_of(id)].shared;
    const Tokens live = row.has_ended ? Tokens{0} : row.cells().live + shared;
    return {.written = bytes_per_token_ * live.count(),
            .reserved = bytes_per_token_ * (row.reserved + shared).count()};
  }

  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return obtainable(); }
  [[nodiscard]] std::optional<Blocks> total_blocks() const override { return layout_.total; }

  void audit() const override {
    rows_.audit();
    tree_.audit();
    const Tokens in_tree = tree_.live() + tree_.dead() + tree_.evictable();
    TESSERA_INVARIANT(rows_.totals().total() % page_ == Tokens{0}, "rows own whole pages");
    TESSERA_INVARIANT(pages_of(rows_.totals().total() + in_tree) + free_ == usable(),
                      "every page is free, a row's or the tree's");
    TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
  }

 private:
  struct Held {
    ContentKeys content;
    RadixTree::Node prefix = RadixTree::Node::root;  // where what it has of the tree ends
    Tokens shared{0};                                // tokens of the tree, in front of its row
    Tokens prefilled{0};                             // where its prefill ends
    bool is_shareable = true;
  };

  [[nodiscard]] Held& held_at(SequenceId id) {
    if (index_of(id) >= held_.size()) {
      held_.resize(index_of(id) + 1);
    }
    return held_[index_of(id)];
  }

  [[nodiscard]] Blocks usable() const { return layout_.total - layout_.null_blocks; }
  [[nodiscard]] Blocks pages_of(Tokens entries) const { return Blocks{divide_up(entries, page_)}; }
  [[nodiscard]] Tokens whole_pages(Tokens entries) const { return page_ * (entries / page_); }
  [[nodiscard]] Blocks obtainable() const { return free_ + pages_of(tree_.evictable()); }

  [[nodiscard]] RadixTree::Node prefix_of(const KvSequence& sequence, Tokens cached) const {
    if (cached == Tokens{0}) {
      return RadixTree::Node::root;
    }
    const RadixTree::Match match = tree_.match(sequence.content, cached);
    TESSERA_INVARIANT(match.tokens == cached, "what was found in the cache is still there");
    return match.node;
  }

  void take(SequenceId id, Blocks pages) {
    if (pages <= Blocks{0}) {
      return;
    }
    // As many as are asked for, not only those that are missing.
    if (pages > free_) {
      free_ += pages_of(tree_.evict(page_ * pages.count()));
    }
    TESSERA_INVARIANT(pages <= free_, "what can be evicted is");
    free_ -= pages;
    rows_.grow(id, rows_.row(id).reserved + page_ * pages.count());
  }

  // The pages that have been filled go into the tree, or back where it has them already.
  void keep_prefill(SequenceId id, Held& held) {
    const Tokens whole = whole_pages(held.shared + rows_.row(id).written);
    if (whole <= held.shared) {
      return;
    }
    const RadixTree::Insertion inserted = tree_.insert(held.content, whole);
    rows_.hand_over(id, whole - held.shared);
    free_ += pages_of(inserted.present - held.shared);
    tree_.lock(inserted.node);
    tree_.unlock(held.prefix);
    held.prefix = inserted.node;
    held.shared = whole;
  }

  PagedLayout layout_;
  Bytes bytes_per_token_;
  Tokens page_;
  Blocks free_;
  // A look-up moves what it finds to the end of the order of eviction.
  mutable RadixTree tree_;
  RowTable rows_;           // of the cells that are not in the tree
  std::vector<Held> held_;  // by sequence id
};

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(const RadixKvSpec& spec, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  return std::make_unique<RadixKv>(spec, pool);
}

}  // namespace tessera
