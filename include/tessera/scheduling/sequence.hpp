// A sequence as the scheduler sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tessera/core/quantity.hpp"
#include "tessera/core/time.hpp"
#include "tessera/memory/kv_cache.hpp"
#include "tessera/workload/request.hpp"

namespace tessera {

// swapped: its KV is in host memory.
enum class SequenceState { waiting, running, swapped, ended };

// Lives in the engine's table at a stable address until it has ended. Policies keep references in
// their queues; only the step builder and the engine change it, and orders what they charge.
struct Sequence {
  Request request;
  // Which of its request's sequences it is, where each is served by itself; nothing where all of
  // them are served as one. Its own request then is of one sequence.
  std::optional<std::int64_t> child;
  KvSequence kv;        // its id and what KV managers are told
  Tokens output{0};     // tokens it will sample: the request's, cut at the context limit
  Tokens generated{0};  // sampled so far
  Tokens in_flight{0};  // that launched steps will sample
  std::int64_t steps_in_flight = 0;  // that compute some of it
  Tokens computed{0};                // entries computed, or scheduled to be
  SequenceState state = SequenceState::waiting;
  bool prefilling = false;  // since its last admission, what it knew then is not all scheduled yet

  // In the step that is being built:
  bool in_step = false;
  std::size_t entry = 0;  // its place in Step::entries, if in_step

  Tokens charged{0};  // of the generated ones, those that its tenant has been charged for

  // For the records:
  std::optional<SimTime> scheduled;  // first admission
  std::optional<SimTime> first_token;
  Tokens cached{0};  // prompt tokens found in the cache at the first admission
  std::int64_t num_preemptions = 0;

  // The id that its engine gives it: the request's number, after "<child>_" if it is one (vLLM v1).
  [[nodiscard]] std::string name() const {
    const std::string number = std::to_string(number_of(request.id));
    return child ? std::to_string(*child) + "_" + number : number;
  }
  // Tokens that it may sample, as far as its engine knows.
  [[nodiscard]] Tokens output_limit() const { return kv.output_limit(); }
  // Tokens that exist: the prompt and what has been sampled.
  [[nodiscard]] Tokens known() const { return request.prompt + generated; }
  // Tokens to compute before the next one can be sampled.
  [[nodiscard]] Tokens remaining() const { return known() + in_flight - computed; }
  [[nodiscard]] bool last_token_in_flight() const { return generated + in_flight >= output; }
  [[nodiscard]] bool finished() const { return generated == output; }
};

}  // namespace tessera
