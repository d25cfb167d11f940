#include "sim/scheduling/sglang_queue.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <utility>

namespace tessera {
namespace {

constexpr std::size_t longest_sorted_queue = 128;
// A cached prefix of no more than this is as good as none; a prefix shared with others of at least
// this is worth waiting for.
constexpr Tokens worth_sharing{32};

}  // namespace

void SglangQueue::sort(const StepBuilder& builder) {
  if (order_ == SglangOrder::fcfs || sequences_.size() > longest_sorted_queue) {
    return;
  }
  // Served first: a long prefix; last: those who stand back.
  std::vector<std::pair<std::int64_t, Sequence*>> ranked;
  boost::unordered_flat_set<std::uint64_t> prefixes;
  for (Sequence* sequence : sequences_) {
    const Tokens cached = builder.cached_prefix(*sequence);
    std::int64_t rank = -cached.count();
    if (cached <= worth_sharing && sequence->known() >= worth_sharing) {
      const bool is_first =
          prefixes.insert(sequence->request.content.key(worth_sharing - Tokens{1})).second;
      rank = is_first ? rank : 1;
    }
    ranked.emplace_back(rank, sequence);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(ranked.begin(), ranked.end(), sequences_.begin(),
                 [](const auto& entry) { return entry.second; });
}

void SglangQueue::drop_running() {
  std::erase_if(sequences_,
                [](const Sequence* sequence) { return sequence->state == SequenceState::running; });
}

}  // namespace tessera
