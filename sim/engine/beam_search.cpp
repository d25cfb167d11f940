#include "sim/engine/beam_search.hpp"

#include <boost/random/exponential_distribution.hpp>
#include <cmath>
#include <queue>
#include <string>
#include <utility>

namespace tessera {
namespace {

// Scores are integers, so that sums of them are exact.
constexpr double units = 1 << 20;

std::int64_t draw_gap(RandomStream& stream) {
  return std::llround(boost::random::exponential_distribution<double>()(stream) * units);
}

}  // namespace

std::vector<std::int64_t> BeamSearch::next_parents(const Request& request) {
  const auto [at, is_new] = searches_.try_emplace(
      request.id,
      Search{RandomStream(seed_, "beams " + std::to_string(number_of(request.id))), {0}});
  Search& search = at->second;
  // The best candidate that is left of each beam: how far below, and whose.
  using Candidate = std::pair<std::int64_t, std::int64_t>;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  for (std::size_t beam = 0; beam < search.scores.size(); ++beam) {
    candidates.emplace(search.scores[beam] + draw_gap(search.stream),
                       static_cast<std::int64_t>(beam));
  }
  std::vector<std::int64_t> parents;
  search.scores.clear();
  const std::int64_t best = candidates.top().first;
  while (static_cast<std::int64_t>(parents.size()) < request.num_sequences) {
    const auto [below, beam] = candidates.top();
    candidates.pop();
    candidates.emplace(below + draw_gap(search.stream), beam);
    parents.push_back(beam);
    search.scores.push_back(below - best);
  }
  return parents;
}

}  // namespace tessera
