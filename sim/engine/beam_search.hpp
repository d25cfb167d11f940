// Which beams of a beam search go on.
//
// vLLM (until 0.6.2 inside its engine) lets the beams and their candidates for the next token
// compete by cumulative log-probability: of all of them the best go on, as many as the search is
// wide. No logits exist here, so that scores are drawn: the j-th best continuation of a beam lies j
// draws from an exponential distribution below the beam itself, which is how the greatest values of
// many alike are spaced. The unit does not matter, because all scores are in it. Each request draws
// from a stream of its own, so that no other request's fate changes its beams.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "tessera/core/random.hpp"
#include "tessera/workload/request.hpp"

namespace tessera {

class BeamSearch {
 public:
  explicit BeamSearch(std::uint64_t seed) : seed_(seed) {}

  // After a step of the request's beams: for each of the next ones the beam that it continues, by
  // falling score. All that follow the prompt continue beam 0.
  [[nodiscard]] std::vector<std::int64_t> next_parents(const Request& request);
  // The request has ended.
  void forget(RequestId request) { searches_.erase(request); }

 private:
  struct Search {
    RandomStream stream;
    std::vector<std::int64_t> scores;  // of the beams, below the best one
  };
  std::uint64_t seed_;
  std::map<RequestId, Search> searches_;
};

}  // namespace tessera
