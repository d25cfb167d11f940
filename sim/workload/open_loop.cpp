// Arrivals that take no notice of the node: gap after gap, in constant memory.
#include <algorithm>
#include <array>

#include "sim/workload/gaps.hpp"
#include "sim/workload/sources.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

template <class Gaps>
class OpenLoop final : public RequestSource {
 public:
  OpenLoop(Gaps gaps, RequestLengths lengths, SourceEnd end, std::uint64_t seed)
      : gaps_(std::move(gaps)), lengths_(std::move(lengths)), end_(end), stream_(seed, "arrivals") {
    draw_arrivals();
    announce(ahead_[next_]);
  }

  const Request& pop() override {
    TESSERA_INVARIANT(next_arrival() < SimTime::max(),
                      "a request is taken only when one is known to arrive");
    request_.id = RequestId{counts_.requests};
    request_.arrival = next_arrival();
    request_.prompt = default_length;
    request_.output = default_length;
    request_.content.conversation = counts_.requests;
    lengths_.apply(request_, counts_);
    ++counts_.requests;
    if (++next_ == num_ahead_) {
      draw_arrivals();
    }
    announce(ahead_[next_]);
    return request_;
  }

  void on_end(const Request& /*request*/, SimTime /*now*/) override {}

  [[nodiscard]] SourceCounts counts() const override { return counts_; }
  [[nodiscard]] SourceTraits traits() const override { return {.hears_of_ends = false}; }

 private:
  // The next ones, so many at a time that the stream stays in registers. Behind the last that there
  // is comes the end of time.
  [[gnu::noinline]] void draw_arrivals() {
    RandomStream stream = stream_;
    SimTime last = last_drawn_;
    const std::int64_t left = end_.requests - counts_.requests;
    const std::size_t wanted = std::min(static_cast<std::size_t>(left), ahead_.size());
    std::size_t drawn = 0;
    for (; drawn < wanted; ++drawn) {
      last += gaps_(stream);
      if (last > end_.last_arrival) {
        break;
      }
      ahead_[drawn] = last;
    }
    if (drawn < ahead_.size()) {
      ahead_[drawn++] = SimTime::max();
    }
    num_ahead_ = drawn;
    stream_ = stream;
    last_drawn_ = last;
    next_ = 0;
  }

  Request request_;  // the one that was taken; what all have in common is never written again
  Gaps gaps_;
  RequestLengths lengths_;
  SourceEnd end_;
  RandomStream stream_;
  SimTime last_drawn_;
  std::array<SimTime, 64> ahead_;
  std::size_t next_ = 0;
  std::size_t num_ahead_ = 0;
  SourceCounts counts_;
};

}  // namespace

template <class Gaps>
std::unique_ptr<RequestSource> make_open_loop(Gaps gaps, RequestLengths lengths, SourceEnd end,
                                              std::uint64_t seed) {
  return std::make_unique<OpenLoop<Gaps>>(std::move(gaps), std::move(lengths), end, seed);
}

template std::unique_ptr<RequestSource> make_open_loop(PoissonGaps, RequestLengths, SourceEnd,
                                                       std::uint64_t);
template std::unique_ptr<RequestSource> make_open_loop(GammaGaps, RequestLengths, SourceEnd,
                                                       std::uint64_t);
template std::unique_ptr<RequestSource> make_open_loop(WeibullGaps, RequestLengths, SourceEnd,
                                                       std::uint64_t);
template std::unique_ptr<RequestSource> make_open_loop(ConstantGaps, RequestLengths, SourceEnd,
                                                       std::uint64_t);
template std::unique_ptr<RequestSource> make_open_loop(BurstGaps, RequestLengths, SourceEnd,
                                                       std::uint64_t);

}  // namespace tessera
