// FasterTransformer's request-level batching, as Sarathi-Serve implements it for its comparisons:
// a batch is formed when nobody runs; who has finished leaves, and nobody joins until it is empty.
#include "sim/scheduling/reserving_batch.hpp"

namespace tessera {
namespace {

class FasterTransformer final : public BatchPolicy {
 public:
  explicit FasterTransformer(const FasterTransformerSpec& spec) : batch_(spec.max_num_seqs) {}

  void enqueue(Sequence& sequence) override { batch_.enqueue(sequence); }

  void schedule(StepBuilder& builder) override {
    if (batch_.nobody_runs()) {
      batch_.admit_whole_prompts(builder);
    } else {
      batch_.decode_all(builder);
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    batch_.remove_finished();
  }

  [[nodiscard]] QueueSizes sizes() const override { return batch_.sizes(); }
  [[nodiscard]] const Sequence* head_of_queue() const override { return batch_.head_of_queue(); }

 private:
  ReservingBatch batch_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const FasterTransformerSpec& spec,
                                         const PolicyContext& /*context*/) {
  return std::make_unique<FasterTransformer>(spec);
}

}  // namespace tessera
