// The time that a shard's communication takes: rings over the links of its groups.
#pragma once

#include <array>

#include "tessera/cost/cost_model.hpp"
#include "tessera/cost/operation_work.hpp"

namespace tessera {

// Operations that are communication alone, whose bytes are those that each GPU sends.
inline constexpr std::array<Operation, 2> link_operations{Operation::all_reduce,
                                                          Operation::send_recv};

class RingTime {
 public:
  RingTime(const ModelSpec& model, const PrecisionSpec& precision, const RankPlace& place)
      : model_(model), precision_(precision), place_(place) {}

  // Of one of link_operations, in a step of `tokens` new tokens.
  [[nodiscard]] StepTime of(Operation operation, Tokens tokens) const;
  [[nodiscard]] OperationWork work(Operation operation, Tokens tokens) const;
  // What the ranks exchange within an operation that computes: the sum of a divided embedding, and
  // the logits of a divided LM head. `rows`: new tokens, or sampled sequences.
  [[nodiscard]] StepTime beside(Operation operation, Tokens rows) const;

 private:
  ModelSpec model_;
  PrecisionSpec precision_;
  RankPlace place_;
};

}  // namespace tessera
