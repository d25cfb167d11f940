// Orca's iteration-level scheduling (Yu et al., OSDI 2022) as Sarathi-Serve implements it for its
// comparisons: every step decodes all running sequences and takes in whole prompts, first come
// first served, without a limit on tokens; memory is reserved at admission and never taken back.
#include "sim/scheduling/reserving_batch.hpp"

namespace tessera {
namespace {

class Orca final : public BatchPolicy {
 public:
  explicit Orca(const OrcaSpec& spec) : batch_(spec.max_num_seqs) {}

  void enqueue(Sequence& sequence) override { batch_.enqueue(sequence); }

  void schedule(StepBuilder& builder) override {
    batch_.decode_all(builder);
    batch_.admit_whole_prompts(builder);
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

std::unique_ptr<BatchPolicy> make_policy(const OrcaSpec& spec, const PolicyContext& /*context*/) {
  return std::make_unique<Orca>(spec);
}

}  // namespace tessera
