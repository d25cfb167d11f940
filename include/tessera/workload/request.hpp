// A request as it arrives.
#pragma once

#include <cstdint>
#include <optional>

#include "tessera/core/quantity.hpp"
#include "tessera/core/time.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

// Counts requests in order of arrival, from 0; unique in a run.
enum class RequestId : std::int64_t {};
[[nodiscard]] constexpr std::int64_t number_of(RequestId id) {
  return static_cast<std::int64_t>(id);
}

// How a client ends a request whose last token has not come in time.
enum class GivesUp : std::uint8_t { cancels, times_out };

struct Request {
  SimTime arrival;
  SimTime deadline = SimTime::max();     // when it should have ended; max: whenever
  SimTime gives_up_at = SimTime::max();  // its client goes away then; max: never
  RequestId id{};
  Tokens prompt{0};  // at least 1
  Tokens output{0};  // tokens until it ends by itself, at least 1
  // The most that it may sample (the API's max_tokens), which engines reserve by, because they do
  // not know its end; nothing: its output.
  std::optional<Tokens> max_output;
  std::int64_t priority = 0;  // lower is served first, as in vLLM
  std::int64_t tenant = 0;
  std::int64_t client = 0;  // the user of a closed loop who waits for it
  // Sequences that are sampled from its prompt, all as long as `output` (n, or best_of).
  std::int64_t num_sequences = 1;
  ContentKeys content;
  bool use_beam_search = false;           // its sequences are the beams of a search
  GivesUp gives_up = GivesUp::times_out;  // how its client goes away
};

}  // namespace tessera
