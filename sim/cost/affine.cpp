// The affine cost model: a base, and a price a token, a context token and a sequence. Exact, so
// that a run can be compared step by step with an engine that is driven by the same clock.
#include "sim/cost/models.hpp"

namespace tessera {
namespace {

class AffineModel final : public CostModel {
 public:
  explicit AffineModel(const AffineCostSpec& spec) : spec_(spec) {}

  StepTime step(const StepShape& shape) override {
    const std::int64_t sequences = shape.prefill_sequences + shape.decode_sequences;
    return {spec_.per_token * shape.tokens().count() +
                spec_.per_cached_token * shape.cached_tokens.count(),
            spec_.per_context_token * shape.decode_context.count(),
            spec_.base + spec_.per_sequence * sequences, Duration{}};
  }

  [[nodiscard]] std::optional<StepTime> per_context_token() const override {
    StepTime price;
    price.memory = spec_.per_context_token;
    return price;
  }

  std::vector<OperationTime> operations(const StepShape& shape) override {
    const StepTime time = step(shape);
    const auto row = [](Operation operation, Duration part, Bound bound) {
      return OperationTime{name_of(operation), "all", 1, 0.0, 0.0, part, bound};
    };
    // It knows no single operations: only what depends on the context can be given a name.
    return {row(Operation::attention, time.memory, Bound::memory),
            row(Operation::overhead, time.compute, Bound::compute),
            row(Operation::overhead, time.overhead, Bound::overhead)};
  }

 private:
  AffineCostSpec spec_;
};

}  // namespace

std::unique_ptr<CostModel> make_affine_model(const AffineCostSpec& spec) {
  return std::make_unique<AffineModel>(spec);
}

}  // namespace tessera
