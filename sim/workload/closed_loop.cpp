// Users who send, wait for the answer, think, and send again: at most one request of each is in the
// node. Thinking takes exponential time. Users who come back at one instant keep their order.
#include <limits>
#include <queue>
#include <vector>

#include "sim/workload/gaps.hpp"
#include "sim/workload/sources.hpp"
#include "sim/workload/ziggurat.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

constexpr Duration pause_after_refusal = Duration::milliseconds(1);

struct Return {
  SimTime at;
  std::int64_t order = 0;
  std::int64_t user = 0;
  // A heap keeps its greatest on top: the latest is the least.
  friend bool operator<(const Return& a, const Return& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }
};

class ClosedLoop final : public RequestSource {
 public:
  ClosedLoop(const ClosedLoopArrivals& spec, RequestLengths lengths, SourceEnd end,
             std::uint64_t seed)
      : mean_think_seconds_(spec.think_time.to_seconds()),
        quantum_(spec.think_time),
        lengths_(std::move(lengths)),
        end_(end),
        stream_(seed, "think_time") {
    for (std::int64_t user = 0; user < spec.users; ++user) {
      come_back(user, SimTime{} + think());
    }
    announce_next();
  }

  const Request& pop() override {
    TESSERA_INVARIANT(next_arrival() < SimTime::max(),
                      "a request is taken only when one is known to arrive");
    const Return user = users_.top();
    users_.pop();
    request_.id = RequestId{counts_.requests};
    request_.arrival = user.at;
    request_.prompt = default_length;
    request_.output = default_length;
    request_.client = user.user;
    request_.content.conversation = counts_.requests;
    lengths_.apply(request_, counts_);
    ++counts_.requests;
    announce_next();
    return request_;
  }

  void on_end(const Request& request, SimTime now) override {
    SimTime at = now + think();
    if (at == request.arrival) {
      at += pause_after_refusal;
    }
    come_back(request.client, at);
    announce_next();
  }

  [[nodiscard]] SourceCounts counts() const override { return counts_; }

 private:
  void announce_next() {
    const bool nobody = users_.empty() || counts_.requests == end_.requests;
    announce(nobody ? SimTime::max() : users_.top().at);
  }

  Duration think() {
    if (mean_think_seconds_ == 0.0) {
      return Duration{};
    }
    return quantum_.round(mean_think_seconds_ * draw_exponential(stream_));
  }

  void come_back(std::int64_t user, SimTime at) {
    if (at <= end_.last_arrival) {
      users_.push({at, num_returns_++, user});
    }
  }

  Request request_;  // the one that was taken; what all have in common is never written again
  double mean_think_seconds_;
  GapQuantum quantum_;
  RequestLengths lengths_;
  SourceEnd end_;
  RandomStream stream_;
  std::priority_queue<Return> users_;  // who think
  std::int64_t num_returns_ = 0;
  SourceCounts counts_;
};

}  // namespace

std::unique_ptr<RequestSource> make_closed_loop(const ClosedLoopArrivals& spec,
                                                RequestLengths lengths, SourceEnd end,
                                                std::uint64_t seed) {
  return std::make_unique<ClosedLoop>(spec, std::move(lengths), end, seed);
}

}  // namespace tessera
