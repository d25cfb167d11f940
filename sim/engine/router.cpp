#include "sim/engine/router.hpp"

#include <algorithm>

#include "sim/engine/prefix_table.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/random.hpp"

namespace tessera {
namespace {

std::size_t least_outstanding(std::span<const EngineView> engines) {
  const auto least = std::min_element(
      engines.begin(), engines.end(),
      [](const EngineView& a, const EngineView& b) { return a.outstanding < b.outstanding; });
  return static_cast<std::size_t>(least - engines.begin());
}

class RoundRobin final : public EngineRouter {
 public:
  std::size_t choose(const Request& /*request*/, std::span<const EngineView> engines) override {
    return next_++ % engines.size();
  }

 private:
  std::size_t next_ = 0;
};

// A draw from 0 to below `bound`, every number with the same chance.
std::size_t draw_below(RandomStream& stream, std::size_t bound) {
  const std::uint64_t whole = RandomStream::max() - RandomStream::max() % bound;
  std::uint64_t drawn = stream();
  while (drawn >= whole) {
    drawn = stream();
  }
  return static_cast<std::size_t>(drawn % bound);
}

class RandomChoice final : public EngineRouter {
 public:
  explicit RandomChoice(std::uint64_t seed) : stream_(seed, "router") {}
  std::size_t choose(const Request& /*request*/, std::span<const EngineView> engines) override {
    return draw_below(stream_, engines.size());
  }

 private:
  RandomStream stream_;
};

class LeastOutstanding final : public EngineRouter {
 public:
  std::size_t choose(const Request& /*request*/, std::span<const EngineView> engines) override {
    return least_outstanding(engines);
  }
};

// Equal ones (all are before their first boundary) by their outstanding requests.
class LeastKv final : public EngineRouter {
 public:
  std::size_t choose(const Request& /*request*/, std::span<const EngineView> engines) override {
    const auto less = [](const EngineView& a, const EngineView& b) {
      return a.kv_reserved != b.kv_reserved ? a.kv_reserved < b.kv_reserved
                                            : a.outstanding < b.outstanding;
    };
    const auto least = std::min_element(engines.begin(), engines.end(), less);
    return static_cast<std::size_t>(least - engines.begin());
  }
};

// Mitzenmacher, 2001: two choices are nearly as good as all of them.
class PowerOfTwo final : public EngineRouter {
 public:
  explicit PowerOfTwo(std::uint64_t seed) : stream_(seed, "router") {}

  std::size_t choose(const Request& /*request*/, std::span<const EngineView> engines) override {
    if (engines.size() == 1) {
      return 0;
    }
    const std::size_t first = draw_below(stream_, engines.size());
    std::size_t second = draw_below(stream_, engines.size() - 1);
    second += second >= first ? 1 : 0;
    const auto [low, high] = std::minmax(first, second);
    return engines[high].outstanding < engines[low].outstanding ? high : low;
  }

 private:
  RandomStream stream_;
};

// SGLang's cache-aware router, with its settings: the engine that has seen the longest prefix of
// the prompt, if that is more than 0.3 of it and the load is even, that is unless the most and the
// least outstanding requests differ by more than 64 and by more than half.
class PrefixAffinity final : public EngineRouter {
 public:
  std::size_t choose(const Request& request, std::span<const EngineView> engines) override {
    const PrefixTable::Match match = table_.longest_match(request);
    const bool matches = 10 * match.tokens.count() > 3 * request.prompt.count();
    const std::size_t chosen =
        matches && is_even(engines) ? match.engine : least_outstanding(engines);
    TESSERA_INVARIANT(chosen < engines.size(), "an engine of the node");
    table_.remember(request, chosen);
    return chosen;
  }

 private:
  static bool is_even(std::span<const EngineView> engines) {
    const auto [least, most] = std::minmax_element(
        engines.begin(), engines.end(),
        [](const EngineView& a, const EngineView& b) { return a.outstanding < b.outstanding; });
    return most->outstanding - least->outstanding <= 64 ||
           2 * most->outstanding <= 3 * least->outstanding;
  }

  PrefixTable table_;
};

}  // namespace

std::unique_ptr<EngineRouter> make_router(Router router, std::uint64_t seed) {
  switch (router) {
    case Router::round_robin:
      return std::make_unique<RoundRobin>();
    case Router::random:
      return std::make_unique<RandomChoice>(seed);
    case Router::least_outstanding:
      return std::make_unique<LeastOutstanding>();
    case Router::least_kv:
      return std::make_unique<LeastKv>();
    case Router::power_of_two:
      return std::make_unique<PowerOfTwo>(seed);
    case Router::prefix_affinity:
      return std::make_unique<PrefixAffinity>();
  }
  TESSERA_INVARIANT(false, "the router is one of its names");
  return nullptr;
}

}  // namespace tessera
