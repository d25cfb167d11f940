// generation.csv: a row a step, with the work of the same step without a KV cache and with one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/cost/cost_model.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/metrics/generation.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

class GenerationRows {
 public:
  // `folder` may be empty: then the rows are only kept. Keeps the reference.
  GenerationRows(const Scenario& scenario, const std::optional<std::filesystem::path>& folder);

  void add(const StepRecord& record);
  void close();
  // The first rows, as many as a screen may show.
  [[nodiscard]] const std::vector<GenerationRow>& kept() const { return kept_; }

 private:
  [[nodiscard]] GenerationRow row_of(const StepRecord& record);
  [[nodiscard]] GenerationWork work_of(const StepShape& shape, Tokens tokens);

  const Scenario& scenario_;
  std::unique_ptr<CostModel> cost_;
  std::optional<RowWriter> file_;
  std::vector<GenerationRow> kept_;
  double repeatable_flops_ = 0.0;  // of the last step, without a cache: all but the sampling
};

}  // namespace tessera
