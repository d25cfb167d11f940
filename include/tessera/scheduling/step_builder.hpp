// The one door through which a policy acts: it allocates at once, and can refund.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tessera/core/quantity.hpp"
#include "tessera/core/time.hpp"
#include "tessera/memory/kv_cache.hpp"
#include "tessera/scheduling/sequence.hpp"
#include "tessera/scheduling/step.hpp"

namespace tessera {

class StepBuilder {
 public:
  // Builds `step`, which must be empty, at `now`. Keeps the references.
  StepBuilder(Step& step, KvCache& kv, SimTime now) : step_(step), kv_(kv), now_(now) {}

  // Tokens of a waiting sequence that are cached and need not be computed.
  [[nodiscard]] Tokens cached_prefix(const Sequence& sequence) const;

  // How a waiting sequence comes in.
  struct Terms {
    Tokens tokens{0};  // to compute in this step
    Tokens cached{0};  // of its prefix, as cached_prefix() said
    // Of these, what the engine counts among a step's tokens though it does not compute them.
    Tokens cached_in_budget{0};
    Tokens reserved{0};  // entries to allocate now, if more than this step computes
    Tokens must_fit{0};  // entries that must fit beside what is allocated (a gate, no reservation)
    bool watermark_applies = false;  // the watermark's memory must stay free
    Tokens left_padding{0};          // cells before the prompt, computed as if they were tokens
    Tokens trailing_padding{0};      // cells that its row will go on to fill after its end
    std::int64_t rows = 1;           // of the padded batch that it comes in with
  };
  // Admits a waiting sequence with KV for its padding, its cached tokens and those of this step,
  // and schedules them.
  Grant admit(Sequence& sequence, const Terms& terms);

  // Schedules the next `tokens` of a running sequence, with KV for them. Where no KV cache keeps
  // what came before them, the entry computes all of it again.
  Grant schedule(Sequence& sequence, Tokens tokens);

  // The same for a chunk of a prompt, which engines that tell prefills from decodes by their stage
  // call a prefill even when it is one token long.
  Grant schedule_chunk(Sequence& sequence, Tokens tokens);

  // A row of a static batch whose sequence has ended goes on for one token, without a result.
  void schedule_dead_row(Sequence& sequence);

  // Takes all KV from a running sequence; it will be computed again from the start. If it was
  // scheduled in this step, its entry is withdrawn and its tokens are returned, to be budgeted
  // anew.
  Tokens preempt(Sequence& sequence);

  // Moves a running sequence's KV to host memory, where it waits; later when host memory is full.
  Grant swap_out(Sequence& sequence);
  // Brings it back, if the watermark and a block for its next token stay free beside it.
  Grant swap_in(Sequence& sequence);

  // No more decisions: every sequence can be scheduled again, in the next step.
  void finish();

  [[nodiscard]] SimTime now() const { return now_; }
  [[nodiscard]] bool has_preempted() const { return !step_.preempted.empty(); }
  [[nodiscard]] std::size_t num_preempted() const { return step_.preempted.size(); }
  [[nodiscard]] bool is_empty() const { return step_.tokens == Tokens{0}; }
  // Whether another block could be had; always so without blocks.
  [[nodiscard]] bool has_free_block() const { return kv_.free_blocks() != Blocks{0}; }
  // Whether each sequence of the request could have one.
  [[nodiscard]] bool has_free_blocks_for(const Sequence& sequence) const {
    const std::optional<Blocks> free = kv_.free_blocks();
    return !free || free->count() >= sequence.request.num_sequences;
  }
  // Blocks that could be had, those of a prefix cache that nobody uses among them; none without
  // blocks.
  [[nodiscard]] Blocks free_blocks() const { return kv_.free_blocks().value_or(Blocks{0}); }
  // Whether a waiting sequence could be admitted.
  [[nodiscard]] bool could_admit(const Sequence& sequence, const Terms& terms);
  // The policy's own plan has no memory for who waits first.
  void refuse_for_memory() { step_.memory_refused = true; }
  // How many from the front of `waiting` could be admitted together on these terms.
  struct Candidate {
    const Sequence* sequence = nullptr;
    Terms terms;
  };
  [[nodiscard]] std::size_t could_admit_together(std::span<const Candidate> waiting);
  // How many sequences of this size an empty pool holds at once.
  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const {
    return kv_.sequences_that_fit(prompt, output);
  }

 private:
  Grant schedule_as(Sequence& sequence, Tokens tokens, EntryKind kind);
  void add_entry(Sequence& sequence, Tokens tokens, EntryKind kind);
  void compute_again(Sequence& sequence, Tokens entries);

  Step& step_;
  KvCache& kv_;
  SimTime now_;
};

}  // namespace tessera
