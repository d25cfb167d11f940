// Static batching, as Hugging Face's generate() runs a list of prompts: up to max_num_seqs of the
// oldest requests, padded on the left to the longest prompt, computed row by row until the longest
// output has ended; only then do all of them leave, and the next batch is formed.
// A batch takes in only requests whose common padded length stays within the context limit, first
// come first served, so that no output is cut by its neighbours.
#include <algorithm>
#include <deque>

#include "tessera/core/contract.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

class Static final : public BatchPolicy {
 public:
  Static(const StaticSpec& spec, const PolicyContext& context)
      : max_num_seqs_(static_cast<std::size_t>(spec.max_num_seqs)),
        max_model_len_(context.max_model_len) {}

  void enqueue(Sequence& sequence) override { waiting_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    if (rows_.empty()) {
      form_batch(builder);
    } else {
      continue_batch(builder);
    }
  }

  void retire(const std::vector<Sequence*>& /*finished*/,
              std::vector<Sequence*>& leaving) override {
    const bool all_finished = std::all_of(rows_.begin(), rows_.end(),
                                          [](const Sequence* row) { return row->finished(); });
    if (all_finished) {
      leaving.insert(leaving.end(), rows_.begin(), rows_.end());
      rows_.clear();
    }
  }

  // The rows of a batch are computed together, to the end.
  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    return std::erase(waiting_, &sequence) > 0 ? Withdrawal::leaves : Withdrawal::stays;
  }

  [[nodiscard]] Repeats repeats() const override { return {.steps = Repeats::forever}; }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = static_cast<std::int64_t>(rows_.size()),
            .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : waiting_.front();
  }

 private:
  struct BatchSize {
    std::size_t rows = 0;
    Tokens prompt{0};  // the longest
    Tokens output{0};  // the longest
  };

  // The most requests from the head of the queue whose padded rows fit the context and the pool,
  // which is empty between batches.
  [[nodiscard]] BatchSize next_batch(StepBuilder& builder) const {
    BatchSize batch;
    for (const Sequence* sequence : waiting_) {
      const BatchSize larger{batch.rows + 1, std::max(batch.prompt, sequence->known()),
                             std::max(batch.output, sequence->output)};
      const bool alone = larger.rows == 1;
      const bool fits = larger.rows <= max_num_seqs_ &&
                        larger.prompt + larger.output <= max_model_len_ &&
                        builder.sequences_that_fit(larger.prompt, larger.output) >=
                            static_cast<std::int64_t>(larger.rows) &&
                        rows_fit(builder, larger);
      if (!fits && !alone) {
        break;
      }
      batch = larger;
    }
    return batch;
  }

  [[nodiscard]] static StepBuilder::Terms terms_of(const Sequence& sequence,
                                                   const BatchSize& batch) {
    return {.tokens = sequence.known(),
            .must_fit = sequence.known(),
            .left_padding = batch.prompt - sequence.known(),
            .trailing_padding = batch.output - sequence.output,
            .rows = static_cast<std::int64_t>(batch.rows)};
  }

  // Managers that reserve by what a request may generate need more than its row will fill.
  [[nodiscard]] bool rows_fit(StepBuilder& builder, const BatchSize& batch) const {
    std::vector<StepBuilder::Candidate> rows;
    for (std::size_t row = 0; row < batch.rows; ++row) {
      rows.push_back({waiting_[row], terms_of(*waiting_[row], batch)});
    }
    return builder.could_admit_together(rows) == batch.rows;
  }

  void form_batch(StepBuilder& builder) {
    const BatchSize batch = next_batch(builder);
    for (std::size_t row = 0; row < batch.rows; ++row) {
      Sequence& sequence = *waiting_.front();
      const Grant grant = builder.admit(sequence, terms_of(sequence, batch));
      TESSERA_INVARIANT(grant == Grant::ok, "a static batch that fits is admitted whole");
      waiting_.pop_front();
      rows_.push_back(&sequence);
    }
  }

  void continue_batch(StepBuilder& builder) {
    for (Sequence* row : rows_) {
      if (row->finished()) {
        builder.schedule_dead_row(*row);
        continue;
      }
      const Grant grant = builder.schedule(*row, Tokens{1});
      TESSERA_INVARIANT(grant == Grant::ok, "a reservation holds its sequence to the end");
    }
  }

  std::size_t max_num_seqs_;
  Tokens max_model_len_;
  std::vector<Sequence*> rows_;
  std::deque<Sequence*> waiting_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const StaticSpec& spec, const PolicyContext& context) {
  return std::make_unique<Static>(spec, context);
}

}  // namespace tessera
