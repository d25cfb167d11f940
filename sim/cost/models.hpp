// The cost models behind make_cost_model.
#pragma once

#include <functional>
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
// The roofline of the same GPU and precision for any model at any place.
using MakeRoofline =
    std::function<std::unique_ptr<CostModel>(const ModelSpec& model, const RankPlace& place)>;
[[nodiscard]] std::unique_ptr<CostModel> make_profiled_model(const ProfiledCostSpec& spec,
                                                             const ModelSpec& model,
                                                             const RankPlace& place,
                                                             const MakeRoofline& roofline);

}  // namespace tessera
