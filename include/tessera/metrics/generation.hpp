// The generation loop step by step: what a step computes without a KV cache, and with one.
#pragma once

#include <cstdint>
#include <optional>

#include "tessera/core/quantity.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// The work of one step in one of the two forms.
struct GenerationWork {
  Tokens tokens{0};        // that pass through the model, all rows together
  Bytes hidden_states{0};  // [b,s,h]
  Bytes logits{0};         // [b,s,V], if they were computed at every position
  double flops = 0.0;      // with the logits of the last positions alone, as engines compute them
  Duration time;
};

struct GenerationRow {
  std::int64_t engine = 0;
  std::int64_t iteration = 0;
  std::int64_t batch_size = 0;  // b
  Tokens sequence_length{0};    // s: of the longest row, padding included
  GenerationWork without_cache;
  // Of the FLOPs without a cache, those that the step before had done already; nothing for the
  // first step of a batch.
  std::optional<double> repeated;
  GenerationWork with_cache;  // which repeats nothing
  Bytes kv_cache{0};          // that it reads instead
};

}  // namespace tessera
