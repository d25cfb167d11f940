// The orders in which every request has a key that never changes.
#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <set>
#include <string>
#include <tuple>

#include "sim/scheduling/waiting_queue.hpp"
#include "tessera/core/random.hpp"

namespace tessera {
namespace {

// Drawn from a stream of its own, so that no other request's fate changes it.
double standard_normal(std::uint64_t seed, RequestId id) {
  RandomStream stream(seed, "prediction " + std::to_string(number_of(id)));
  return boost::random::normal_distribution<double>()(stream);
}

class SortedQueue final : public WaitingQueue {
 public:
  SortedQueue(const OrderSettings& settings, const PolicyContext& context)
      : settings_(settings), context_(context) {}

  void append(Sequence& sequence) override { waiting_.insert(rank(sequence)); }
  void put_back(Sequence& sequence) override { append(sequence); }
  void remove(const Sequence& sequence) override { waiting_.erase(rank(sequence)); }
  [[nodiscard]] Sequence& head() const override { return *waiting_.begin()->sequence; }
  void pop_head() override { waiting_.erase(waiting_.begin()); }
  [[nodiscard]] std::size_t size() const override { return waiting_.size(); }

  // The one that would be served last. vLLM's priorities take of those with equal keys and arrivals
  // the first; elsewhere that would let equals take memory from each other for ever.
  [[nodiscard]] std::size_t choose_victim(const std::vector<Sequence*>& running) const override {
    const bool is_vllms = settings_.order == Order::priority;
    const auto goes_before = [&](const Sequence* a, const Sequence* b) {
      return is_vllms ? std::tuple(key_of(*a), a->request.arrival) <
                            std::tuple(key_of(*b), b->request.arrival)
                      : rank(*a) < rank(*b);
    };
    const auto victim = std::max_element(running.begin(), running.end(), goes_before);
    return static_cast<std::size_t>(victim - running.begin());
  }

 private:
  struct Rank {
    Int128 key = 0;
    SimTime arrival;
    std::string id_as_text;  // by priority alone
    RequestId id{};
    std::int64_t child = 0;
    Sequence* sequence = nullptr;
    friend bool operator<(const Rank& a, const Rank& b) {
      return std::tie(a.key, a.arrival, a.id_as_text, a.id, a.child) <
             std::tie(b.key, b.arrival, b.id_as_text, b.id, b.child);
    }
  };

  [[nodiscard]] Rank rank(const Sequence& sequence) const {
    const Request& request = sequence.request;
    const bool as_text = settings_.order == Order::priority;
    return {key_of(sequence),
            request.arrival,
            as_text ? sequence.name() : std::string(),
            request.id,
            sequence.child.value_or(0),
            const_cast<Sequence*>(&sequence)};
  }

  [[nodiscard]] Int128 key_of(const Sequence& sequence) const {
    const Request& request = sequence.request;
    if (settings_.order == Order::sjf) {
      return request.prompt.count() + predicted_output(request);
    }
    if (settings_.order == Order::edf) {
      return deadline_of(request).since_start().picoseconds();
    }
    return request.priority;
  }

  [[nodiscard]] std::int64_t predicted_output(const Request& request) const {
    if (settings_.prediction_error == 0.0) {
      return request.output.count();
    }
    const double factor =
        std::exp(settings_.prediction_error * standard_normal(context_.seed, request.id));
    const double predicted = std::nearbyint(static_cast<double>(request.output.count()) * factor);
    return static_cast<std::int64_t>(std::clamp(predicted, 1.0, 1e12));
  }

  [[nodiscard]] SimTime deadline_of(const Request& request) const {
    if (request.deadline < SimTime::max() || !context_.time_limit) {
      return request.deadline;
    }
    return request.arrival + *context_.time_limit;
  }

  OrderSettings settings_;
  PolicyContext context_;
  std::set<Rank> waiting_;
};

}  // namespace

std::unique_ptr<WaitingQueue> make_sorted_queue(const OrderSettings& settings,
                                                const PolicyContext& context) {
  return std::make_unique<SortedQueue>(settings, context);
}

}  // namespace tessera
