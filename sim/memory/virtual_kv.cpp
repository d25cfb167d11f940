// vAttention's KV cache (Prabhu et al., ASPLOS 2025; vattention.cu): 2·layers tensors of virtual
// addresses, long enough for every sequence at its longest, and physical pages mapped behind them
// as they fill. A page holds floor(page / τ) tokens of one tensor, τ being a token's keys in one
// layer; pages are mapped for all tensors at once, a page group.
//
// An address range (a slot) belongs to one sequence at a time. With deferred reclamation a slot
// keeps its pages when its sequence ends. A new sequence takes the slot whose pages fit best: the
// fewest that are enough, else the most; the pages of other idle slots are taken back when nothing
// else is left, from the slots with the fewest.
//
// Mapping takes the time of a driver's call a page, which the cost model prices, but for what is
// mapped in the background: a sequence that could fill its pages in `ahead` steps is given a page
// group while a step runs, if one is free.
#include <algorithm>
#include <set>
#include <vector>

#include "sim/memory/row_table.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

constexpr Bytes whole_page{2 << 20};

class VirtualKv final : public KvCache {
 public:
  VirtualKv(const VirtualKvSpec& spec, const KvPool& pool)
      : pool_(pool),
        page_(spec.page_size),
        tokens_a_page_(spec.page_size / Bytes{pool.bytes_per_token.count() / pool.tensors}),
        group_(spec.page_size * pool.tensors),
        keeps_pages_(spec.deferred_reclamation),
        ahead_(spec.ahead),
        total_(pool.bytes / group_),
        free_(total_),
        unused_slots_(spec.max_batch_size.value_or(pool.max_num_seqs)),
        num_slots_(unused_slots_),
        watermark_(
            static_cast<std::int64_t>(pool.watermark * static_cast<double>(total_.count()))) {}

  [[nodiscard]] Bytes pool() const override { return pool_.bytes; }

  [[nodiscard]] bool can_ever_hold(const KvSequence& sequence) const override {
    const Tokens entries = sequence.final_entries();
    if (groups_of(entries) > total_) {
      return false;
    }
    if (!pool_.watermark_always) {
      return true;
    }
    // Preempted late, it must be admitted with all its entries; its last decode wants a free group.
    const Blocks one{sequence.output > Tokens{1} ? 1 : 0};
    return groups_of(entries) + watermark_ <= total_ &&
           groups_of(entries - Tokens{one.count()}) + one <= total_;
  }

  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const override {
    const Tokens entries = prompt + output - Tokens{1};
    const Blocks needed = groups_of(entries);
    if (needed > total_) {
      return 0;
    }
    const bool wants_more = wants_next_group(entries, tokens_a_page_ * needed.count());
    const std::int64_t others = (total_ - needed) / (needed + Blocks{wants_more ? 1 : 0});
    return std::min(others + 1, num_slots_);
  }
  [[nodiscard]] Tokens capacity() const override { return tokens_a_page_ * total_.count(); }
  [[nodiscard]] Tokens cached_prefix(const KvSequence& /*sequence*/,
                                     Tokens /*known*/) const override {
    return Tokens{0};
  }

  [[nodiscard]] Grant could_admit(const KvSequence& /*sequence*/,
                                  const Admission& admission) const override {
    const Blocks needed = groups_of(std::max(admission.entries, admission.must_fit));
    if (needed > total_) {
      return Grant::never;
    }
    const Blocks kept_free = admission.watermark_applies ? watermark_ : Blocks{0};
    const bool has_slot = unused_slots_ > 0 || !idle_.empty();
    return has_slot && needed + kept_free <= available() ? Grant::ok : Grant::later;
  }

  Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& work) override {
    const Grant grant = could_admit(sequence, admission);
    if (grant != Grant::ok) {
      return grant;
    }
    const Blocks needed = groups_of(admission.entries);
    const Blocks kept = take_slot(needed);
    const Blocks mapped = std::max(kept, needed);
    rows_.open(sequence, tokens_a_page_ * mapped.count());
    mapped_.resize(rows_.size());
    mapped_[index_of(sequence.id)] = mapped;
    in_use_ += mapped;
    map(mapped - kept, work);
    return Grant::ok;
  }

  Grant extend(SequenceId id, Tokens entries, KvWork& work) override {
    const Blocks needed = groups_of(entries);
    const Blocks more = needed - mapped_[index_of(id)];
    if (entries <= rows_.row(id).reserved) {
      return Grant::ok;
    }
    if (needed > total_) {
      return Grant::never;
    }
    if (more > available()) {
      return Grant::later;
    }
    map(more, work);
    grow(id, more);
    return Grant::ok;
  }

  void publish(SequenceId /*id*/, Tokens /*entries*/) override {}

  void write(SequenceId id, Tokens entries) override {
    rows_.write(id, entries);
    const Row& row = rows_.row(id);
    if (wants_next_group(row.written, row.reserved) && free_ > Blocks{0}) {
      --free_;
      grow(id, Blocks{1});
    }
  }

  void end_of_sequence(SequenceId id) override { rows_.end(id); }

  void release(SequenceId id) override {
    rows_.close(id);
    Blocks& mapped = mapped_[index_of(id)];
    in_use_ -= mapped;
    if (keeps_pages_ && mapped > Blocks{0}) {
      idle_.insert(mapped);
      idle_groups_ += mapped;
    } else {
      free_ += mapped;
      ++unused_slots_;
    }
    mapped = Blocks{0};
  }

  [[nodiscard]] bool has_outlook() const override { return true; }

  // To the step before the first one after which a group is mapped.
  void look_ahead(std::span<const SequenceId> batch, std::int64_t steps, Blocks kept_free,
                  KvOutlook& outlook) const override {
    outlook.begin(batch.size());
    if (available() < kept_free) {
      return;
    }
    outlook.steps = std::min(steps, steps_with_room(rows_, batch));
    for (const SequenceId id : batch) {
      const Row& row = rows_.row(id);
      if (ahead_ > Tokens{0} && row.reserved < pool_.max_model_len) {
        const Tokens untouched = row.reserved - row.written - std::min(ahead_, tokens_a_page_);
        outlook.steps = std::min(outlook.steps, std::max(untouched.count(), std::int64_t{0}));
      }
    }
  }
  void go_on(std::span<const SequenceId> batch, std::int64_t steps) override {
    rows_.write_each(batch, Tokens{steps});
  }

  Grant swap_out(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  // Any free page serves any sequence, so no request waits for a place.
  void set_head_of_queue(std::optional<KvSequence> /*head*/) override {}

  [[nodiscard]] KvUsage usage() const override {
    KvUsage usage = usage_of(rows_.totals(), pool_.bytes_per_token);
    usage.rounding = page_tails(in_use_);
    usage.cached_free = group_ * idle_groups_.count();
    const Blocks guarded = std::min(watermark_, free_);
    usage.withheld = pool_.bytes - group_ * (total_ - guarded).count();
    usage.free_usable = group_ * (free_ - guarded).count();
    usage.largest_free = usage.free_usable;
    return usage;
  }

  [[nodiscard]] SequenceKvUsage usage(SequenceId id) const override {
    if (!rows_.holds(id)) {
      return {};
    }
    return {.written = pool_.bytes_per_token * rows_.row(id).cells().live.count(),
            .reserved = group_ * mapped_[index_of(id)].count()};
  }

  // In page groups; those of idle slots can be had, too.
  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return available(); }
  [[nodiscard]] std::optional<Blocks> total_blocks() const override { return total_; }

  void audit() const override {
    rows_.audit();
    Blocks in_use{0};
    std::int64_t active = 0;
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
      const bool held = rows_.holds(SequenceId{i});
      active += held ? 1 : 0;
      in_use += mapped_[i];
      TESSERA_INVARIANT(tokens_a_page_ * mapped_[i].count() ==
                            (held ? rows_.row(SequenceId{i}).reserved : Tokens{0}),
                        "a row's cells are those of its pages");
    }
    Blocks idle{0};
    for (const Blocks mapped : idle_) {
      TESSERA_INVARIANT(mapped > Blocks{0}, "an idle slot keeps pages");
      idle += mapped;
    }
    TESSERA_INVARIANT(in_use == in_use_ && idle == idle_groups_, "page groups are counted");
    TESSERA_INVARIANT(free_ + in_use + idle == total_, "a page group is in one place");
    TESSERA_INVARIANT(
        active + unused_slots_ + static_cast<std::int64_t>(idle_.size()) == num_slots_,
        "a slot is in use, idle or unused");
    TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
  }

 private:
  [[nodiscard]] Blocks groups_of(Tokens entries) const {
    return Blocks{divide_up(entries, tokens_a_page_)};
  }
  [[nodiscard]] Blocks available() const { return free_ + idle_groups_; }
  // Whether a sequence is given a page group in the background: one at a time.
  [[nodiscard]] bool wants_next_group(Tokens written, Tokens reserved) const {
    return ahead_ > Tokens{0} && written + ahead_ > reserved &&
           reserved - written < tokens_a_page_ && reserved < pool_.max_model_len;
  }
  // What pages have beyond whole tokens.
  [[nodiscard]] Bytes page_tails(Blocks groups) const {
    return (group_ - pool_.bytes_per_token * tokens_a_page_.count()) * groups.count();
  }

  // A slot for a sequence that needs `needed` groups: how many it has already.
  Blocks take_slot(Blocks needed) {
    if (idle_.empty()) {
      --unused_slots_;
      return Blocks{0};
    }
    const auto enough = idle_.lower_bound(needed);
    const auto best = enough != idle_.end() ? enough : std::prev(idle_.end());
    const Blocks kept = *best;
    idle_.erase(best);
    idle_groups_ -= kept;
    return kept;
  }

  // Maps groups that are available. Precondition: count <= available().
  void map(Blocks count, KvWork& work) {
    while (free_ < count) {
      const auto least = idle_.begin();
      free_ += *least;
      idle_groups_ -= *least;
      idle_.erase(least);
      ++unused_slots_;
    }
    free_ -= count;
    const std::int64_t pages = count.count() * pool_.tensors;
    (page_ < whole_page ? work.small_pages_mapped : work.pages_mapped) += pages;
  }

  void grow(SequenceId id, Blocks more) {
    Blocks& mapped = mapped_[index_of(id)];
    mapped += more;
    in_use_ += more;
    rows_.grow(id, tokens_a_page_ * mapped.count());
  }

  KvPool pool_;
  Bytes page_;
  Tokens tokens_a_page_;
  Bytes group_;
  bool keeps_pages_;
  Tokens ahead_;
  Blocks total_;
  Blocks free_;  // mapped nowhere
  Blocks in_use_{0};
  Blocks idle_groups_{0};
  std::multiset<Blocks> idle_;  // slots without a sequence that have pages, by how many
  std::int64_t unused_slots_;   // without a sequence and without pages
  std::int64_t num_slots_;
  Blocks watermark_;
  RowTable rows_;
  std::vector<Blocks> mapped_;  // by sequence id
};

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(const VirtualKvSpec& spec, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  TESSERA_INVARIANT(pool.bytes_per_token.count() % pool.tensors == 0,
                    "a token's KV is spread evenly over its tensors");
  TESSERA_INVARIANT(pool.max_model_len > Tokens{0}, "a context holds a token");
  TESSERA_INVARIANT(spec.page_size * pool.tensors >= pool.bytes_per_token,
                    "a page holds a token's keys in one layer");
  return std::make_unique<VirtualKv>(spec, pool);
}

}  // namespace tessera
