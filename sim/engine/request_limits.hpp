// Which requests an engine can ever serve, and how far: what does not depend on whoever else is
// there.
#pragma once

#include <algorithm>
#include <optional>

#include "tessera/core/quantity.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/memory/kv_cache.hpp"
#include "tessera/workload/request.hpp"

namespace tessera {

class RequestLimits {
 public:
  // `empty` is a cache that holds nothing, and outlives it.
  RequestLimits(Tokens max_model_len, const KvCache& empty);

  // Why it must be rejected; none: it can be served.
  [[nodiscard]] std::optional<EndReason> why_never(const Request& request) const {
    if (request.prompt >= max_model_len_) {
      return EndReason::prompt_too_long;
    }
    const Tokens output = output_of(request);
    if (request.prompt + output > surely_fit_ && !can_ever_hold(request.prompt, output)) {
      return EndReason::exceeds_pool;
    }
    return std::nullopt;
  }
  // The tokens that it will sample. Precondition: its prompt is not too long.
  [[nodiscard]] Tokens output_of(const Request& request) const {
    const Tokens longest = max_model_len_ - request.prompt;
    const Tokens limit = std::min(request.max_output.value_or(longest), longest);
    return std::min(request.output, limit);
  }
  [[nodiscard]] Tokens max_model_len() const { return max_model_len_; }

 private:
  [[nodiscard]] bool can_ever_hold(Tokens prompt, Tokens output) const;
  [[nodiscard]] Tokens most_that_surely_fit() const;

  Tokens max_model_len_;
  const KvCache& empty_;
  Tokens surely_fit_;  // prompt and output together, however they are divided
};

}  // namespace tessera
