// LightLLM's estimate of what running sequences will need at the most (lightllm/server/router/
// req_queue): each grows by a token a step until its expected end, when it gives all back.
#pragma once

#include <vector>

#include "tessera/core/quantity.hpp"

namespace tessera {

struct TokenNeed {
  Tokens now{0};   // that it holds
  Tokens left{0};  // that it will yet add
};

// The most tokens that are held at once. The k sequences that last longest hold, when the k-th of
// them ends, what they hold now and k times what that one has left.
[[nodiscard]] Tokens future_peak(std::vector<TokenNeed> needs);

}  // namespace tessera
