// What the time of a step depends on.
#pragma once

#include <cstdint>

#include "tessera/core/quantity.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

struct StepShape {
  Tokens prefill_tokens{0};  // new tokens of prefills and chunks, padding included
  std::int64_t prefill_sequences = 0;
  std::int64_t decode_sequences = 0;   // one new token each
  std::int64_t sampled_sequences = 0;  // whose next token is sampled
  // Query-key pairs of the prefills: for a chunk of n tokens after p, n·p + n(n+1)/2.
  std::int64_t prefill_pairs = 0;
  std::int64_t prefill_squares = 0;  // Σ n² of the prefills: several cost as one chunk of its root
  Tokens prefill_context{0};         // Σ p + n: keys and values that prefills read
  Tokens decode_context{0};          // Σ of context lengths, with the token computed now
  Tokens cached_tokens{0};           // scheduled, but found in the cache and not computed (vLLM v0)
  bool writes_kv = true;             // keys and values of the new tokens go to a cache
  KvWork work;

  [[nodiscard]] Tokens tokens() const { return prefill_tokens + Tokens{decode_sequences}; }
  friend bool operator==(const StepShape&, const StepShape&) = default;
};

}  // namespace tessera
