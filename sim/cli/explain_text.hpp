// An explained step as people and programs read it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tessera/cost/explain.hpp"
#include "tessera/engine/scenario.hpp"

namespace tessera {

enum class StepExtent { step, layer };

// A question and its operations, the total last.
struct ExplainedStep {
  StepQuestion question;
  std::vector<OperationTime> rows;
};

// "op,phase,flops,bytes,time_us,bound,layers" and a row an operation.
[[nodiscard]] std::string explained_csv(const ExplainedStep& step);

// `steps`: the question, then, where both are wanted, the same without the KV cache.
[[nodiscard]] std::string explained_json(const Scenario& scenario,
                                         std::span<const ExplainedStep> steps);

// A table with the steps side by side, what they say of each other, and the card's ridge point.
[[nodiscard]] std::string explained_text(const Scenario& scenario,
                                         std::span<const ExplainedStep> steps, StepExtent extent);

}  // namespace tessera
