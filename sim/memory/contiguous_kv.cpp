// One contiguous reservation a sequence, made when it is admitted and held until it is released:
// FasterTransformer's and Orca's KV cache, as Kwon et al. (SOSP 2023, §6.1) model it. Their Orca
// (Max), (Pow2) and (Oracle) reserve the longest context, the prompt and the output rounded up to a
// power of two, and the prompt and the output.
//
// The pool is slots of one token each, over which a placement hands out reservations. What remains
// of the pool beyond whole slots is withheld.
//
// External fragmentation is told in two ways. Static: free slots in runs too short for the smallest
// grant that the rule ever makes; with `max` that is the one size of all reservations, else runs of
// any length may serve, and it is zero. On demand: all free slots, when they would be enough for
// the sequence at the head of the queue, yet no run takes it.
#include <algorithm>
#include <bit>
#include <vector>

#include "sim/memory/row_table.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/memory/kv_cache.hpp"
#include "tessera/memory/placement.hpp"

namespace tessera {
namespace {

[[nodiscard]] Units units_of(Tokens tokens) {
  return Units{tokens.count()};
}

[[nodiscard]] Tokens power_of_two_from(Tokens tokens) {
  return Tokens{
      static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(tokens.count())))};
}

// The smallest grant that the rule makes, in slots.
[[nodiscard]] Units smallest_grant(const ContiguousKvSpec& spec, Tokens max_model_len) {
  if (spec.reserve != Reserve::max) {
    return Units{1};
  }
  return units_of(spec.placement == Placement::buddy ? power_of_two_from(max_model_len)
                                                     : max_model_len);
}

class ContiguousKv final : public KvCache {
 public:
  ContiguousKv(const ContiguousKvSpec& spec, const KvPool& pool)
      : pool_(pool),
        reserve_(spec.reserve),
        slots_(make_placement(spec.placement, Units{pool.bytes / pool.bytes_per_token},
                              smallest_grant(spec, pool.max_model_len))) {}

  [[nodiscard]] Bytes pool() const override { return pool_.bytes; }

  [[nodiscard]] bool can_ever_hold(const KvSequence& sequence) const override {
    const Tokens reservation = reservation_of(sequence);
    return sequence.final_entries() <= reservation && fits_empty_pool(reservation);
  }

  // Grants of one size fill an empty arena without holes, with the buddy system too: a grant there
  // is a power of two, and each root greater than it is a multiple of it.
  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const override {
    KvSequence sequence;
    sequence.prompt = prompt;
    sequence.output = output;
    if (!can_ever_hold(sequence)) {
      return 0;
    }
    return slots_->total() / slots_->granted(units_of(reservation_of(sequence)));
  }

  [[nodiscard]] Tokens capacity() const override { return Tokens{slots_->total().count()}; }

  [[nodiscard]] Tokens cached_prefix(const KvSequence& /*sequence*/,
                                     Tokens /*known*/) const override {
    return Tokens{0};
  }

  Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& /*work*/) override {
    TESSERA_INVARIANT(!rows_.holds(sequence.id), "a sequence that is admitted holds nothing");
    const Grant grant = could_admit(sequence, admission);
    if (grant != Grant::ok) {
      return grant;
    }
    const Tokens reservation = reservation_of(sequence);
    const std::optional<Extent> extent = slots_->allocate(units_of(reservation));
    TESSERA_INVARIANT(extent.has_value(), "a run that is long enough is found");
    rows_.open(sequence, reservation);
    extents_.resize(rows_.size());
    extents_[index_of(sequence.id)] = *extent;
    rounding_ += extent->size - units_of(reservation);
    return Grant::ok;
  }

  [[nodiscard]] Grant could_admit(const KvSequence& sequence,
                                  const Admission& admission) const override {
    const Tokens reservation = reservation_of(sequence);
    if (std::max(admission.entries, admission.must_fit) > reservation ||
        !fits_empty_pool(reservation)) {
      return Grant::never;
    }
    return slots_->granted(units_of(reservation)) <= slots_->largest_free() ? Grant::ok
                                                                            : Grant::later;
  }

  Grant extend(SequenceId id, Tokens entries, KvWork& /*work*/) override {
    return entries <= rows_.row(id).reserved ? Grant::ok : Grant::never;
  }

  [[nodiscard]] bool has_outlook() const override { return true; }
  void look_ahead(std::span<const SequenceId> batch, std::int64_t steps, Blocks /*kept_free*/,
                  KvOutlook& outlook) const override {
    outlook.begin(batch.size());
    outlook.steps = std::min(steps, steps_with_room(rows_, batch));
  }
  void go_on(std::span<const SequenceId> batch, std::int64_t steps) override {
    rows_.write_each(batch, Tokens{steps});
  }

  Grant swap_out(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }

  // Nothing is shared.
  void publish(SequenceId /*id*/, Tokens /*entries*/) override {}

  void write(SequenceId id, Tokens entries) override { rows_.write(id, entries); }

  void end_of_sequence(SequenceId id) override { rows_.end(id); }

  void release(SequenceId id) override {
    const Units asked = units_of(rows_.row(id).reserved);
    Extent& extent = extents_[index_of(id)];
    rounding_ -= extent.size - asked;
    slots_->deallocate(extent);
    extent = {};
    rows_.close(id);
  }

  void set_head_of_queue(std::optional<KvSequence> head) override {
    head_reservation_ = head ? std::optional(reservation_of(*head)) : std::nullopt;
  }

  [[nodiscard]] KvUsage usage() const override {
    KvUsage usage = usage_of(rows_.totals(), pool_.bytes_per_token);
    usage.rounding = bytes_of(rounding_);
    usage.withheld = pool_.bytes - bytes_of(slots_->total());
    usage.largest_free = bytes_of(slots_->largest_free());
    usage.external_static = bytes_of(slots_->remainders());
    usage.external_demand = bytes_of(head_is_kept_out() ? slots_->free() : Units{0});
    usage.free_unusable = std::max(usage.external_static, usage.external_demand);
    usage.free_usable = bytes_of(slots_->free()) - usage.free_unusable;
    return usage;
  }

  [[nodiscard]] std::vector<Bytes> free_runs() const override {
    std::vector<Bytes> runs;
    for (const Extent& run : slots_->free_runs()) {
      runs.push_back(bytes_of(run.size));
    }
    return runs;
  }

  [[nodiscard]] SequenceKvUsage usage(SequenceId id) const override {
    if (!rows_.holds(id)) {
      return {};
    }
    return {.written = pool_.bytes_per_token * rows_.row(id).cells().live.count(),
            .reserved = bytes_of(extents_[index_of(id)].size)};
  }

  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return std::nullopt; }
  [[nodiscard]] std::optional<Blocks> total_blocks() const override { return std::nullopt; }

  void audit() const override {
    rows_.audit();
    slots_->audit();
    std::vector<Extent> pieces = slots_->free_runs();
    Units rounding{0};
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
      if (rows_.holds(SequenceId{i})) {
        pieces.push_back(extents_[i]);
        rounding += extents_[i].size - units_of(rows_.row(SequenceId{i}).reserved);
      }
    }
    TESSERA_INVARIANT(rounding == rounding_, "rounding is what was granted beyond the asked");
    std::sort(pieces.begin(), pieces.end(),
              [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
    Units end{0};
    for (const Extent& piece : pieces) {
      TESSERA_INVARIANT(piece.offset == end, "reservations and free runs tile the pool");
      end = piece.offset + piece.size;
    }
    TESSERA_INVARIANT(end == slots_->total(), "reservations and free runs tile the pool");
    TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
  }

 private:
  [[nodiscard]] Bytes bytes_of(Units slots) const { return pool_.bytes_per_token * slots.count(); }

  [[nodiscard]] Tokens reservation_of(const KvSequence& sequence) const {
    switch (reserve_) {
      case Reserve::max:
        return pool_.max_model_len;
      case Reserve::pow2:
        // A row of a padded batch may go on beyond its own power of two.
        return std::max(
            std::min(sequence.left_padding + sequence.prompt + power_of_two_from(sequence.output),
                     pool_.max_model_len),
            sequence.final_entries());
      case Reserve::oracle:
        return sequence.left_padding + sequence.prompt + sequence.output +
               sequence.trailing_padding;
    }
    invariant_violated("a reservation rule has a name", __FILE__, __LINE__);
  }

  [[nodiscard]] bool fits_empty_pool(Tokens reservation) const {
    return reservation > Tokens{0} && slots_->granted(units_of(reservation)) <= slots_->total();
  }

  [[nodiscard]] bool head_is_kept_out() const {
    if (!head_reservation_ || *head_reservation_ <= Tokens{0}) {
      return false;
    }
    const Units asked = units_of(*head_reservation_);
    return asked <= slots_->free() && slots_->granted(asked) > slots_->largest_free();
  }

  KvPool pool_;
  Reserve reserve_;
  std::unique_ptr<PlacementAllocator> slots_;
  RowTable rows_;
  std::vector<Extent> extents_;  // by sequence id
  Units rounding_{0};
  std::optional<Tokens> head_reservation_;
};

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(const ContiguousKvSpec& spec, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  TESSERA_INVARIANT(pool.max_model_len > Tokens{0}, "a context holds a token");
  return std::make_unique<ContiguousKv>(spec, pool);
}

}  // namespace tessera
