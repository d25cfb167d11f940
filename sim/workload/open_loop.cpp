// Arrivals that take no notice of the node: gap after gap, in constant memory.
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
    plain_.prompt = default_length;
    plain_.output = default_length;
    advance();
  }

  [[nodiscard]] SimTime next_arrival() const override { return next_; }

  Request pop() override {
    TESSERA_INVARIANT(next_ < SimTime::max(),
                      "a request is taken only when one is known to arrive");
    Request request = plain_;
    request.id = RequestId{counts_.requests};
    request.arrival = next_;
    request.content.conversation = counts_.requests;
    lengths_.apply(request, counts_);
    ++counts_.requests;
    advance();
    return request;
  }

  void on_end(const Request& /*request*/, SimTime /*now*/) override {}

  [[nodiscard]] SourceCounts counts() const override { return counts_; }

 private:
  void advance() {
    if (counts_.requests == end_.requests) {
      next_ = SimTime::max();
      return;
    }
    last_ += gaps_(stream_);
    next_ = last_ <= end_.last_arrival ? last_ : SimTime::max();
  }

  Request plain_;  // what requests have in common: to copy is cheaper than to make anew
  Gaps gaps_;
  RequestLengths lengths_;
  SourceEnd end_;
  RandomStream stream_;
  SimTime last_;
  SimTime next_;
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
