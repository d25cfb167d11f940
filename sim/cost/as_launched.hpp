// An operation as the kernels that an engine runs for it.
#pragma once

#include "tessera/cost/engine_overheads.hpp"
#include "tessera/cost/operation_work.hpp"

namespace tessera {

// `work` is the fused operation's; the result has the engine's launches and traffic.
[[nodiscard]] OperationWork as_launched(Operation operation, const OperationWork& work,
                                        const ModelSpec& model, const PrecisionSpec& precision,
                                        const EngineOverheads& overheads);

// The same of attention.
[[nodiscard]] AttentionWork as_launched(const AttentionWork& work, const PrecisionSpec& precision,
                                        const EngineOverheads& overheads);

// Whether the engine runs the model's operation as several pointwise kernels.
[[nodiscard]] bool is_split(Operation operation, const ModelSpec& model,
                            const EngineOverheads& overheads);

}  // namespace tessera
