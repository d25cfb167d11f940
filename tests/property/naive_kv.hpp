// The granting rules of the KV managers again, as plainly as they can be put: every block and every
// slot has an owner in a map, and every count is a walk over it.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tessera/memory/kv_cache.hpp"
#include "tests/property/naive_placement.hpp"

namespace tessera::naive {

// What a manager's rule decides, in tokens and bytes, without any notion of what is written.
class NaiveGrants {
 public:
  NaiveGrants() = default;
  NaiveGrants(const NaiveGrants&) = delete;
  NaiveGrants& operator=(const NaiveGrants&) = delete;
  virtual ~NaiveGrants() = default;

  virtual Grant admit(const KvSequence& sequence, const Admission& admission) = 0;
  virtual Grant extend(SequenceId id, std::int64_t entries) = 0;
  virtual void release(SequenceId id) = 0;
  virtual Grant swap_out(SequenceId id) = 0;
  virtual Grant swap_in(SequenceId id, std::int64_t written) = 0;
  // Cells that the sequence may write, and those that it was given beyond them.
  [[nodiscard]] virtual std::int64_t cells(SequenceId id) const = 0;
  [[nodiscard]] virtual std::int64_t rounding(SequenceId id) const = 0;
  // withheld, the free classes, and the values beside the partition.
  [[nodiscard]] virtual KvUsage unowned(const std::optional<KvSequence>& head) const = 0;
  [[nodiscard]] virtual std::optional<Blocks> free_blocks() const = 0;
};

// What tells the managers apart that give out blocks of which no two sequences share one.
struct BlockRule {
  std::int64_t block_size = 1;
  std::optional<std::int64_t> num_blocks = std::nullopt;
  std::int64_t kept_back = 0;  // blocks that nobody ever gets
  double watermark = 0.0;
  bool swaps = false;
  enum class Grant { as_it_grows, longest_context, output_limit } grant = Grant::as_it_grows;
  std::int64_t speculate = 0;
};

class NaiveBlocks final : public NaiveGrants {
 public:
  NaiveBlocks(const BlockRule& rule, const KvPool& pool) : rule_(rule), pool_(pool) {
    const std::int64_t block = pool.bytes_per_token.count() * rule.block_size;
    const std::int64_t count = rule.num_blocks.value_or(pool.bytes.count() / block);
    tail_ = rule.num_blocks ? 0 : pool.bytes.count() % block;
    owners_.assign(static_cast<std::size_t>(count), nobody);
    for (std::int64_t i = 0; i < std::min(rule.kept_back, count); ++i) {
      owners_[static_cast<std::size_t>(i)] = null_owner;
    }
    watermark_ = static_cast<std::int64_t>(rule.watermark * static_cast<double>(count));
    host_blocks_ = pool.host_bytes.count() / block;
  }

  Grant admit(const KvSequence& sequence, const Admission& admission) override {
    const std::int64_t now = wanted_blocks(sequence, admission.entries.count());
    const std::int64_t gate = wanted_blocks(sequence, admission.must_fit.count());
    const std::int64_t all = count(nobody) + owned_by_sequences();
    if (too_long(sequence, admission.entries.count()) ||
        too_long(sequence, admission.must_fit.count()) || now > all || gate > all) {
      return Grant::never;
    }
    const std::int64_t kept = admission.watermark_applies ? watermark_ : 0;
    if (gate + kept > count(nobody) || now + kept > count(nobody)) {
      return Grant::later;
    }
    give(static_cast<std::int64_t>(sequence.id), now);
    return Grant::ok;
  }

  Grant extend(SequenceId id, std::int64_t entries) override {
    const auto owner = static_cast<std::int64_t>(id);
    if (entries <= cells(id)) {
      return Grant::ok;
    }
    const std::int64_t needed = blocks_for(entries);
    if (rule_.grant != BlockRule::Grant::as_it_grows ||
        needed > count(nobody) + owned_by_sequences()) {
      return Grant::never;
    }
    if (needed - count(owner) > count(nobody)) {
      return Grant::later;
    }
    give(owner, needed - count(owner));
    return Grant::ok;
  }

  void release(SequenceId id) override {
    std::replace(owners_.begin(), owners_.end(), static_cast<std::int64_t>(id), nobody);
    swapped_.erase(id);
  }
  Grant swap_out(SequenceId id) override {
    if (!rule_.swaps) {
      return Grant::never;
    }
    const std::int64_t blocks = count(static_cast<std::int64_t>(id));
    std::int64_t on_host = 0;
    for (const auto& [other, held] : swapped_) {
      on_host += held;
    }
    if (on_host + blocks > host_blocks_) {
      return Grant::later;
    }
    release(id);
    swapped_[id] = blocks;
    return Grant::ok;
  }
  Grant swap_in(SequenceId id, std::int64_t written) override {
    const std::int64_t blocks = swapped_.at(id);
    const std::int64_t full_blocks = written / rule_.block_size;
    if (full_blocks + 1 + watermark_ > count(nobody) || blocks > count(nobody)) {
      return Grant::later;
    }
    give(static_cast<std::int64_t>(id), blocks);
    swapped_.erase(id);
    return Grant::ok;
  }
  [[nodiscard]] std::int64_t cells(SequenceId id) const override {
    return count(static_cast<std::int64_t>(id)) * rule_.block_size;
  }
  [[nodiscard]] std::int64_t rounding(SequenceId /*id*/) const override { return 0; }

  [[nodiscard]] KvUsage unowned(const std::optional<KvSequence>& /*head*/) const override {
    const std::int64_t block = pool_.bytes_per_token.count() * rule_.block_size;
    const std::int64_t guarded = std::min(watermark_, count(nobody));
    KvUsage usage;
    usage.withheld = Bytes{tail_ + block * (count(null_owner) + guarded)};
    usage.free_usable = Bytes{block * (count(nobody) - guarded)};
    usage.largest_free = usage.free_usable;
    return usage;
  }
  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return Blocks{count(nobody)}; }

 private:
  static constexpr std::int64_t nobody = -1;
  static constexpr std::int64_t null_owner = -2;

  [[nodiscard]] std::int64_t count(std::int64_t owner) const {
    return std::count(owners_.begin(), owners_.end(), owner);
  }
  [[nodiscard]] std::int64_t owned_by_sequences() const {
    return std::count_if(owners_.begin(), owners_.end(), [](std::int64_t o) { return o >= 0; });
  }
  [[nodiscard]] std::int64_t blocks_for(std::int64_t entries) const {
    std::int64_t blocks = 0;
    while (blocks * rule_.block_size < entries) {
      ++blocks;
    }
    return blocks;
  }
  // Entries that a sequence gets room for at once.
  [[nodiscard]] std::int64_t whole_grant(const KvSequence& sequence) const {
    if (rule_.grant == BlockRule::Grant::longest_context) {
      return pool_.max_model_len.count();
    }
    const std::int64_t limit = sequence.max_output.value_or(sequence.output).count();
    const std::int64_t before = sequence.left_padding.count() + sequence.prompt.count();
    const std::int64_t last =
        before + sequence.output.count() - 1 + sequence.trailing_padding.count();
    return std::max(before + limit + rule_.speculate - 1, last);
  }
  [[nodiscard]] std::int64_t wanted_blocks(const KvSequence& sequence, std::int64_t entries) const {
    const bool grows = rule_.grant == BlockRule::Grant::as_it_grows;
    return blocks_for(grows ? entries : whole_grant(sequence));
  }
  [[nodiscard]] bool too_long(const KvSequence& sequence, std::int64_t entries) const {
    return rule_.grant != BlockRule::Grant::as_it_grows &&
           blocks_for(entries) > blocks_for(whole_grant(sequence));
  }
  void give(std::int64_t owner, std::int64_t blocks) {
    for (std::int64_t& holder : owners_) {
      if (blocks > 0 && holder == nobody) {
        holder = owner;
        --blocks;
      }
    }
  }

  BlockRule rule_;
  KvPool pool_;
  std::int64_t tail_ = 0;
  std::int64_t watermark_ = 0;
  std::vector<std::int64_t> owners_;  // of each block
  std::int64_t host_blocks_ = 0;
  std::map<SequenceId, std::int64_t> swapped_;  // blocks in host memory
};

class NaiveContiguous final : public NaiveGrants {
 public:
  NaiveContiguous(const ContiguousKvSpec& spec, const KvPool& pool)
      : spec_(spec),
        pool_(pool),
        slots_(pool.bytes / pool.bytes_per_token),
        placement_(make_naive(spec.placement, slots_)) {}

  Grant admit(const KvSequence& sequence, const Admission& admission) override {
    const std::int64_t asked = reservation(sequence);
    const auto empty = make_naive(spec_.placement, slots_);
    if (admission.entries.count() > asked || admission.must_fit.count() > asked ||
        !empty->allocate(asked)) {
      return Grant::never;
    }
    const std::optional<Extent> extent = placement_->allocate(asked);
    if (!extent) {
      return Grant::later;
    }
    held_[sequence.id] = {asked, *extent};
    return Grant::ok;
  }
  Grant extend(SequenceId id, std::int64_t entries) override {
    return entries <= cells(id) ? Grant::ok : Grant::never;
  }
  void release(SequenceId id) override {
    placement_->deallocate(held_.at(id).extent);
    held_.erase(id);
  }
  Grant swap_out(SequenceId /*id*/) override { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, std::int64_t /*written*/) override { return Grant::never; }
  [[nodiscard]] std::int64_t cells(SequenceId id) const override { return held_.at(id).asked; }
  [[nodiscard]] std::int64_t rounding(SequenceId id) const override {
    return held_.at(id).extent.size.count() - held_.at(id).asked;
  }

  [[nodiscard]] KvUsage unowned(const std::optional<KvSequence>& head) const override {
    KvUsage usage;
    usage.withheld = pool_.bytes - bytes(slots_);
    usage.largest_free = bytes(placement_->largest_free());
    usage.external_static = bytes(placement_->remainders(smallest_grant()));
    if (head && reservation(*head) <= placement_->free() &&
        rounded(reservation(*head)) > placement_->largest_free()) {
      usage.external_demand = bytes(placement_->free());
    }
    usage.free_unusable = std::max(usage.external_static, usage.external_demand);
    usage.free_usable = bytes(placement_->free()) - usage.free_unusable;
    return usage;
  }
  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return std::nullopt; }

 private:
  struct Held {
    std::int64_t asked = 0;
    Extent extent;
  };

  [[nodiscard]] Bytes bytes(std::int64_t slots) const { return pool_.bytes_per_token * slots; }
  [[nodiscard]] static std::int64_t power_of_two_from(std::int64_t value) {
    std::int64_t power = 1;
    while (power < value) {
      power *= 2;
    }
    return power;
  }
  [[nodiscard]] std::int64_t rounded(std::int64_t asked) const {
    return spec_.placement == Placement::buddy ? power_of_two_from(asked) : asked;
  }
  [[nodiscard]] std::int64_t smallest_grant() const {
    return spec_.reserve == Reserve::max ? rounded(pool_.max_model_len.count()) : 1;
  }
  [[nodiscard]] std::int64_t reservation(const KvSequence& sequence) const {
    const std::int64_t prompt = sequence.prompt.count();
    const std::int64_t output = sequence.output.count();
    const std::int64_t before = sequence.left_padding.count();
    const std::int64_t after = sequence.trailing_padding.count();
    if (spec_.reserve == Reserve::max) {
      return pool_.max_model_len.count();
    }
    if (spec_.reserve == Reserve::oracle) {
      return before + prompt + output + after;
    }
    const std::int64_t rule =
        std::min(before + prompt + power_of_two_from(output), pool_.max_model_len.count());
    const std::int64_t end = before + prompt + output - 1 + after;
    return std::max(rule, end);
  }

  ContiguousKvSpec spec_;
  KvPool pool_;
  std::int64_t slots_;
  std::unique_ptr<NaivePlacement> placement_;
  std::map<SequenceId, Held> held_;
};

inline std::optional<std::int64_t> count_of(const std::optional<Blocks>& blocks) {
  return blocks ? std::optional(blocks->count()) : std::nullopt;
}
inline std::unique_ptr<NaiveGrants> make_naive(const PagedKvSpec& spec, const KvPool& pool) {
  const BlockRule rule{.block_size = spec.block_size.count(),
                       .num_blocks = count_of(spec.num_blocks),
                       .kept_back = pool.null_block ? 1 : 0,
                       .watermark = spec.watermark.value_or(pool.watermark),
                       .swaps = !spec.prefix_caching,
                       .grant = spec.reserve == BlockReserve::grow
                                    ? BlockRule::Grant::as_it_grows
                                    : BlockRule::Grant::longest_context};
  return std::make_unique<NaiveBlocks>(rule, pool);
}
inline std::unique_ptr<NaiveGrants> make_naive(const TokenKvSpec& spec, const KvPool& pool) {
  BlockRule rule{.kept_back = 1};
  if (spec.max_total_token_num) {
    rule.num_blocks = spec.max_total_token_num->count() + 1;
  }
  return std::make_unique<NaiveBlocks>(rule, pool);
}
inline std::unique_ptr<NaiveGrants> make_naive(const TensorRtLlmKvSpec& spec, const KvPool& pool) {
  BlockRule rule{.block_size = spec.tokens_per_block.count()};
  if (spec.max_tokens) {
    std::int64_t blocks = 0;
    while (blocks * rule.block_size < spec.max_tokens->count()) {
      ++blocks;
    }
    rule.num_blocks = blocks;
  }
  return std::make_unique<NaiveBlocks>(rule, pool);
}
inline std::unique_ptr<NaiveGrants> make_naive(const TgiKvSpec& spec, const KvPool& pool) {
  const BlockRule rule{.block_size = spec.block_size.count(),
                       .num_blocks = count_of(spec.num_blocks),
                       .kept_back = 1,
                       .grant = BlockRule::Grant::output_limit,
                       .speculate = spec.speculate.count()};
  return std::make_unique<NaiveBlocks>(rule, pool);
}
inline std::unique_ptr<NaiveGrants> make_naive(const ContiguousKvSpec& spec, const KvPool& pool) {
  return std::make_unique<NaiveContiguous>(spec, pool);
}
// A manager without a twin is still held to every law that does not depend on its rule.
template <class Spec>
std::unique_ptr<NaiveGrants> make_naive(const Spec& /*spec*/, const KvPool& /*pool*/) {
  return nullptr;
}

}  // namespace tessera::naive
