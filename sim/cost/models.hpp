// The cost models behind make_cost_model.
#pragma once

#include <memory>

#include "tessera/cost/cost_model.hpp"
#include "tessera/cost/operation_work.hpp"

namespace tessera {

[[nodiscard]] std::unique_ptr<CostModel> make_affine_model(const AffineCostSpec& spec);
[[nodiscard]] std::unique_ptr<CostModel> make_roofline_model(const GpuSpec& gpu,
                                                             const ModelSpec& model,
                                                             const PrecisionSpec& precision,
                                                             const RankPlace& place,
                                                             const EngineOverheads& overheads);

}  // namespace tessera
