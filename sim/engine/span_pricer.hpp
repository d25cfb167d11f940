// How long the steps of spans take, and the workspace that they use: worked out once for each
// number of sequences that only decode.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/memory/workspace.hpp"

namespace tessera {

class SpanPricer {
 public:
  // What so many decodes take before their context is counted.
  struct Decodes {
    StepTime time;
    std::int64_t total = 0;   // of it, in picoseconds
    std::int64_t growth = 0;  // from a step to the next, which has as many tokens of context more
    Bytes workspace{0};
    bool is_known = false;
    // That were counted.
    std::int64_t steps = 0;
    Int128 duration = 0;  // picoseconds
  };
  // A step that does not only decode.
  struct Mixed {
    StepTime time;
    std::int64_t total = 0;  // of it, in picoseconds
    Bytes workspace{0};
    Duration of_prefills;  // what it takes longer than if it had only its decodes to do
  };

  // Precondition: why_not_in_spans() has no objection. The scenario outlives it.
  SpanPricer(const Scenario& scenario, const MemoryPlan& plan);

  // No more sequences than these will be asked about.
  void reserve(std::size_t sequences) {
    if (sequences >= decodes_.size()) {
      decodes_.resize(std::max(sequences + 1, 2 * decodes_.size()));
    }
  }
  // Good until the next reserve(). Precondition: sequences > 0.
  [[nodiscard]] Decodes& decodes(std::int64_t sequences) {
    Decodes& decodes = decodes_[static_cast<std::size_t>(sequences)];
    if (!decodes.is_known) [[unlikely]] {
      work_out(decodes, sequences);
    }
    return decodes;
  }
  // The times of steps that decode so much context in the first of them.
  [[nodiscard]] DurationSeries series(const Decodes& decodes, std::int64_t context) const {
    return {decodes.total + context_total_ * context, decodes.growth};
  }
  [[nodiscard]] Mixed mixed(const StepShape& shape) {
    Mixed step{cost_->step(shape), 0, workspace_of(shape), Duration{}};
    step.total = picoseconds_of(step.time);
    if (shape.prefill_sequences > 0) {
      std::int64_t without = 0;
      if (shape.decode_sequences > 0) {
        without =
            decodes(shape.decode_sequences).total + context_total_ * shape.decode_context.count();
      }
      step.of_prefills = Duration::picoseconds(std::max(step.total - without, std::int64_t{0}));
    }
    return step;
  }

  // Steps have run: decodes of so many picoseconds, or a mixed one of so many sequences.
  static void count(Decodes& decodes, std::int64_t steps, std::int64_t duration) {
    decodes.steps += steps;
    decodes.duration += duration;
  }
  void count(const Mixed& step, std::int64_t running) {
    mixed_ += step.time;
    workspace_of_mixed_ += Int128{step.total} * step.workspace.count();
    running_in_mixed_ += Int128{step.total} * running;
  }
  // Of all that were counted: their time, and integrals over it.
  struct Counted {
    StepTime time;
    Int128 workspace = 0;
    Int128 running = 0;  // sequences
  };
  [[nodiscard]] Counted counted() const;

  // Of a token of context.
  [[nodiscard]] const StepTime& context() const { return context_; }

 private:
  void work_out(Decodes& decodes, std::int64_t sequences);
  [[nodiscard]] Bytes workspace_of(const StepShape& shape) const {
    const Tokens tokens = std::min(shape.tokens(), profile_tokens_);
    const std::int64_t sequences = std::min(shape.sampled_sequences, profile_sequences_);
    return std::min(workspace_of_steps_.bytes(tokens, sequences), workspace_);
  }
  static std::int64_t picoseconds_of(const StepTime& time) {
    return static_cast<std::int64_t>(time.total().picoseconds());
  }

  Bytes workspace_;  // of the profile run
  std::unique_ptr<CostModel> cost_;
  StepTime context_;
  std::int64_t context_total_;  // picoseconds
  WorkspaceOfSteps workspace_of_steps_;
  Tokens profile_tokens_;
  std::int64_t profile_sequences_;
  std::vector<Decodes> decodes_;  // by sequences
  StepTime mixed_;                // of those that were counted
  Int128 workspace_of_mixed_ = 0;
  Int128 running_in_mixed_ = 0;
};

}  // namespace tessera
