#include "sim/engine/request_limits.hpp"

namespace tessera {

RequestLimits::RequestLimits(Tokens max_model_len, const KvCache& empty)
    : max_model_len_(max_model_len), empty_(empty), surely_fit_(most_that_surely_fit()) {}

bool RequestLimits::can_ever_hold(Tokens prompt, Tokens output) const {
  KvSequence kv;
  kv.prompt = prompt;
  kv.output = output;
  return empty_.can_ever_hold(kv);
}

// Whoever is shorter than a sequence that can be held can be held, too.
Tokens RequestLimits::most_that_surely_fit() const {
  const auto both_fit = [this](Tokens tokens) {
    return can_ever_hold(tokens - Tokens{1}, Tokens{1}) &&
           can_ever_hold(Tokens{1}, tokens - Tokens{1});
  };
  Tokens tokens = max_model_len_;
  while (tokens > Tokens{1} && !both_fit(tokens)) {
    tokens = Tokens{tokens.count() / 2};
  }
  return tokens > Tokens{1} ? tokens : Tokens{0};
}

}  // namespace tessera
