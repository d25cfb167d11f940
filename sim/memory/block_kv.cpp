#include "sim/memory/block_kv.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "sim/memory/block_outlook.hpp"
#include "sim/memory/block_queue.hpp"
#include "sim/memory/block_tree.hpp"
#include "sim/memory/row_table.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class BlockKv final : public KvCache {
 public:
  BlockKv(const BlockRules& rules, const KvPool& pool)
      : rules_(rules),
        layout_(rules.layout),
        bytes_per_token_(pool.bytes_per_token),
        block_size_(rules.block_size),
        longest_context_(pool.max_model_len),
        watermark_(rules.watermark),
        queue_(first_block(layout_), end_block(layout_)),
        host_free_(pool.host_bytes / layout_.block) {}

  [[nodiscard]] Bytes pool() const override { return layout_.pool; }

  [[nodiscard]] bool can_ever_hold(const KvSequence& sequence) const override {
    const Tokens entries = sequence.final_entries();
    const Blocks needed = blocks_of_all(sequence, entries);
    if (!fits_grant(sequence, entries) ||
        std::max(needed, blocks_to_hold(sequence, entries)) > usable()) {
      return false;
    }
    if (!rules_.watermark_always) {
      return true;
    }
    // Preempted late, it must be admitted with all its entries; its last decode wants a free block
    // for each sequence.
    const bool decodes = sequence.output > Tokens{1};
    const bool grows = rules_.grant == BlockGrant::as_it_grows;
    const Blocks before_last = grows ? blocks_of_all(sequence, entries - Tokens{decodes ? 1 : 0})
                                     : blocks_to_hold(sequence, entries);
    return std::max(needed, blocks_to_hold(sequence, entries)) + watermark_ <= usable() &&
           before_last + Blocks{decodes ? sequence.num_sequences : 0} <= usable();
  }

  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const override {
    KvSequence sequence;
    sequence.prompt = prompt;
    sequence.output = output;
    const Tokens entries = sequence.final_entries();
    return fits_grant(sequence, entries)
               ? usable() / std::max(blocks_to_hold(sequence, entries), Blocks{1})
               : 0;
  }

  [[nodiscard]] Tokens capacity() const override { return block_size_ * usable().count(); }

  [[nodiscard]] Tokens cached_prefix(const KvSequence& /*sequence*/,
                                     Tokens /*known*/) const override {
    return Tokens{0};
  }

  [[nodiscard]] Grant could_admit(const KvSequence& sequence,
                                  const Admission& admission) const override {
    const Tokens most = std::max(admission.entries, admission.must_fit);
    const Blocks needed = blocks_to_hold(sequence, most);
    if (needed > usable() || !fits_grant(sequence, most)) {
      return Grant::never;
    }
    const Blocks kept_free = admission.watermark_applies ? watermark_ : Blocks{0};
    return needed + kept_free > queue_.size() ? Grant::later : Grant::ok;
  }

  Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& /*work*/) override {
    const Grant grant = could_admit(sequence, admission);
    if (grant != Grant::ok) {
      return grant;
    }
    const Blocks granted = blocks_to_hold(sequence, admission.entries);
    rows_.open(sequence, block_size_ * granted.count());
    chains_.resize(rows_.size());
    take(chains_[index_of(sequence.id)], granted);
    if (sequence.num_sequences > 1) {
      TESSERA_INVARIANT(admission.entries == sequence.prompt && sequence.left_padding == Tokens{0},
                        "a request of several sequences comes in with its prompt");
      const auto tree =
          trees_.emplace(sequence.id, BlockTree(sequence.num_sequences, sequence.prompt,
                                                sequence.final_entries(), block_size_));
      rows_.reshape(sequence.id, tree.first->second.cells());
    }
    return Grant::ok;
  }

  Grant extend(SequenceId id, Tokens entries, KvWork& work) override {
    const Row& row = rows_.row(id);
    if (BlockTree* tree = tree_of(id)) {
      return extend_tree(id, *tree, entries, work);
    }
    if (entries <= row.reserved) {
      return Grant::ok;
    }
    const Blocks needed = blocks_of(entries);
    if (rules_.grant != BlockGrant::as_it_grows || needed > usable()) {
      return Grant::never;
    }
    BlockChain& chain = chains_[index_of(id)];
    const Blocks more = needed - chain.size;
    if (more > queue_.size()) {
      return Grant::later;
    }
    take(chain, more);
    rows_.grow(id, block_size_ * needed.count());
    return Grant::ok;
  }

  // Nothing is shared.
  void publish(SequenceId /*id*/, Tokens /*entries*/) override {}

  void write(SequenceId id, Tokens entries) override {
    if (BlockTree* tree = tree_of(id)) {
      tree->write(entries);
      rows_.reshape(id, tree->cells());
      return;
    }
    rows_.write(id, entries);
  }

  void continue_from(SequenceId id, std::span<const std::int64_t> parents) override {
    BlockTree* tree = tree_of(id);
    TESSERA_INVARIANT(tree != nullptr && rows_.holds(id), "a request that runs has sequences");
    queue_.give_back_last(chains_[index_of(id)], tree->continue_from(parents));
    rows_.reshape(id, tree->cells());
  }

  void end_of_sequence(SequenceId id) override { rows_.end(id); }

  void release(SequenceId id) override {
    trees_.erase(id);
    if (rows_.holds(id)) {
      rows_.close(id);
      queue_.give_back(chains_[index_of(id)]);
      return;
    }
    const auto swapped = swapped_.find(id);
    TESSERA_INVARIANT(swapped != swapped_.end(), "who is released holds KV");
    host_free_ += blocks_of(swapped->second.reserved);
    swapped_.erase(swapped);
  }

  [[nodiscard]] bool has_outlook() const override { return true; }

  // The watermark's blocks are spared, so that what is withheld for it stays the same.
  void look_ahead(std::span<const SequenceId> batch, std::int64_t steps, Blocks kept_free,
                  KvOutlook& outlook) const override {
    outlook.begin(batch.size());
    const bool has_trees = std::any_of(batch.begin(), batch.end(),
                                       [this](SequenceId id) { return trees_.contains(id); });
    const Blocks kept = std::max(watermark_, kept_free);
    if (has_trees || queue_.size() < kept_free) {
      return;
    }
    if (rules_.grant == BlockGrant::as_it_grows) {
      look_ahead_in_blocks(
          rows_, batch, steps,
          {layout_.block, bytes_per_token_, block_size_, std::max(queue_.size() - kept, Blocks{0})},
          outlook);
    } else {
      outlook.steps = std::min(steps, steps_with_room(rows_, batch));
    }
  }

  void go_on(std::span<const SequenceId> batch, std::int64_t steps) override {
    for (const SequenceId id : batch) {
      const Row& row = rows_.row(id);
      const Blocks needed = blocks_of(row.written + Tokens{steps + 1});
      if (block_size_ * needed.count() > row.reserved) {
        BlockChain& chain = chains_[index_of(id)];
        take(chain, needed - chain.size);
        rows_.grow(id, block_size_ * needed.count());
      }
      rows_.write(id, Tokens{steps});
    }
  }

  Grant swap_out(SequenceId id, KvWork& work) override {
    if (!rules_.swaps) {
      return Grant::never;
    }
    const Blocks blocks = chains_[index_of(id)].size;
    if (blocks > host_free_) {
      return Grant::later;
    }
    swapped_.emplace(id, rows_.row(id));
    rows_.close(id);
    queue_.give_back(chains_[index_of(id)]);
    host_free_ -= blocks;
    work.swapped_out += layout_.block * blocks.count();
    return Grant::ok;
  }

  // vLLM v0 asks for the full blocks and one for the next token; what a partly filled block needs
  // beside them is left to the watermark.
  Grant swap_in(SequenceId id, KvWork& work) override {
    const auto swapped = swapped_.find(id);
    TESSERA_INVARIANT(swapped != swapped_.end(), "who is swapped in was swapped out");
    const Row& row = swapped->second;
    const Blocks blocks = blocks_of(row.reserved);
    const BlockTree* tree = tree_of(id);
    const Blocks asked = tree != nullptr ? blocks + Blocks{tree->num_sequences()}
                                         : Blocks{row.written / block_size_} + Blocks{1};
    if (std::max(asked + watermark_, blocks) > queue_.size()) {
      return Grant::later;
    }
    rows_.restore(id, row);
    take(chains_[index_of(id)], blocks);
    host_free_ += blocks;
    swapped_.erase(swapped);
    work.swapped_in += layout_.block * blocks.count();
    return Grant::ok;
  }

  // Any free block serves any sequence, so no request waits for a place.
  void set_head_of_queue(std::optional<KvSequence> /*head*/) override {}

  [[nodiscard]] KvUsage usage() const override {
    KvUsage usage = usage_of(rows_.totals(), bytes_per_token_);
    const Blocks guarded = std::min(watermark_, queue_.size());
    usage.withheld = tail_of(layout_) + layout_.block * (layout_.null_blocks + guarded).count();
    usage.free_usable = layout_.block * (queue_.size() - guarded).count();
    // The unit of a grant is a block: free blocks are as good as one run of them.
    usage.largest_free = usage.free_usable;
    return usage;
  }

  [[nodiscard]] SequenceKvUsage usage(SequenceId id) const override {
    if (!rows_.holds(id)) {
      return {};
    }
    const Row& row = rows_.row(id);
    return {.written = bytes_per_token_ * row.cells().live.count(),
            .reserved = bytes_per_token_ * row.reserved.count()};
  }

  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return queue_.size(); }
  [[nodiscard]] std::optional<Blocks> total_blocks() const override { return layout_.total; }

  void audit() const override {
    rows_.audit();
    std::vector<bool> seen(static_cast<std::size_t>(layout_.total.count()), false);
    mark(queue_.in_order(), seen);
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
      const BlockChain& chain = chains_[i];
      const Tokens cells = block_size_ * chain.size.count();
      TESSERA_INVARIANT(
          cells == (rows_.holds(SequenceId{i}) ? rows_.row(SequenceId{i}).reserved : Tokens{0}),
          "a row's cells are those of its blocks");
      mark(queue_.in_order(chain), seen);
    }
    for (const auto& [id, tree] : trees_) {
      tree.audit();
      TESSERA_INVARIANT(!rows_.holds(id) || chains_[index_of(id)].size == tree.size(),
                        "a request owns the blocks of its tree");
    }
    const auto owned = Blocks{std::count(seen.begin(), seen.end(), true)};
    TESSERA_INVARIANT(owned == usable(), "every block is free or owned");
    TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
  }

 private:
  // Of a request of several sequences, on the device or in host memory; else null.
  [[nodiscard]] BlockTree* tree_of(SequenceId id) {
    if (trees_.empty()) {
      return nullptr;
    }
    const auto found = trees_.find(id);
    return found == trees_.end() ? nullptr : &found->second;
  }

  Grant extend_tree(SequenceId id, BlockTree& tree, Tokens entries, KvWork& work) {
    const BlockTree::Growth growth = tree.growth(entries);
    if (tree.size() + growth.blocks > usable()) {
      return Grant::never;
    }
    if (growth.blocks > queue_.size()) {
      return Grant::later;
    }
    tree.grow(entries);
    take(chains_[index_of(id)], growth.blocks);
    work.copied += layout_.block * growth.copies.count();
    rows_.reshape(id, tree.cells());
    return Grant::ok;
  }

  // Of all sequences of a request with `entries` each, if they share nothing but the prompt.
  [[nodiscard]] Blocks blocks_of_all(const KvSequence& sequence, Tokens entries) const {
    if (sequence.num_sequences == 1 || entries <= sequence.prompt) {
      return blocks_of(entries);
    }
    const Tokens shared = block_size_ * (sequence.prompt / block_size_);
    return blocks_of(shared) + blocks_of(entries - shared) * sequence.num_sequences;
  }

  static void mark(const std::vector<BlockId>& blocks, std::vector<bool>& seen) {
    for (const BlockId block : blocks) {
      const auto at = static_cast<std::size_t>(block);
      TESSERA_INVARIANT(at < seen.size() && !seen[at], "a block has one owner");
      seen[at] = true;
    }
  }

  void take(BlockChain& chain, Blocks count) {
    for (Blocks taken{0}; taken < count; ++taken) {
      queue_.take(chain);
    }
  }

  // Blocks that sequences can own.
  [[nodiscard]] Blocks usable() const { return layout_.total - layout_.null_blocks; }
  [[nodiscard]] Blocks blocks_of(Tokens entries) const {
    return Blocks{divide_up(entries, block_size_)};
  }
  // What a sequence owns when it has room for `entries`.
  [[nodiscard]] Blocks blocks_to_hold(const KvSequence& sequence, Tokens entries) const {
    return rules_.grant == BlockGrant::as_it_grows ? blocks_of(entries)
                                                   : blocks_of(granted_whole(sequence));
  }
  [[nodiscard]] bool fits_grant(const KvSequence& sequence, Tokens entries) const {
    return rules_.grant == BlockGrant::as_it_grows ||
           entries <= block_size_ * blocks_of(granted_whole(sequence)).count();
  }
  // Entries that a sequence gets room for at its admission, where it gets all at once.
  [[nodiscard]] Tokens granted_whole(const KvSequence& sequence) const {
    if (rules_.grant == BlockGrant::longest_context) {
      return longest_context_;
    }
    // A row of a padded batch may go on beyond its own limit.
    return std::max(sequence.left_padding + sequence.prompt + sequence.output_limit() +
                        rules_.speculate - Tokens{1},
                    sequence.final_entries());
  }

  BlockRules rules_;
  PagedLayout layout_;
  Bytes bytes_per_token_;
  Tokens block_size_;
  Tokens longest_context_;
  Blocks watermark_;
  BlockQueue queue_;
  RowTable rows_;
  std::vector<BlockChain> chains_;         // by sequence id
  std::map<SequenceId, BlockTree> trees_;  // of requests of several sequences
  std::map<SequenceId, Row> swapped_;      // whose KV is in host memory
  Blocks host_free_;
};

}  // namespace

std::unique_ptr<KvCache> make_block_kv(const BlockRules& rules, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  TESSERA_INVARIANT(pool.max_model_len > Tokens{0}, "a context holds a token");
  return std::make_unique<BlockKv>(rules, pool);
}

}  // namespace tessera
