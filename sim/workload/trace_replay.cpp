// Requests as a trace recorded them.
#include <algorithm>

#include "sim/workload/sources.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class TraceReplay final : public RequestSource {
 public:
  TraceReplay(Trace trace, RequestLengths lengths, SourceEnd end)
      : trace_(std::move(trace)), lengths_(std::move(lengths)) {
    counts_.filtered = trace_.filtered;
    counts_.reordered = trace_.reordered;
    const auto behind_last =
        std::upper_bound(trace_.rows.begin(), trace_.rows.end(), end.last_arrival.since_start(),
                         [](Duration last, const TraceRow& row) { return last < row.arrival; });
    num_requests_ = std::min(end.requests, std::int64_t{behind_last - trace_.rows.begin()});
    announce_next();
  }

  const Request& pop() override {
    TESSERA_INVARIANT(counts_.requests < num_requests_,
                      "a request is taken only when one is known to arrive");
    const TraceRow& row = next_row();
    request_ = Request{};
    request_.id = RequestId{counts_.requests};
    request_.arrival = SimTime::at(row.arrival);
    request_.prompt = Tokens{row.prompt};
    request_.output = Tokens{row.output};
    if (row.max_output > 0) {
      request_.max_output = Tokens{row.max_output};
    }
    request_.content.conversation = counts_.requests;
    apply(trace_.attributes[row.attributes_at], request_);
    // Recorded content is that of the recorded prompt, not of one that is drawn.
    if (!lengths_.draws_prompts()) {
      request_.content.hash_ids = trace_.pieces_of(row);
    }
    lengths_.apply(request_, counts_);
    ++counts_.requests;
    announce_next();
    return request_;
  }

  void on_end(const Request& /*request*/, SimTime /*now*/) override {}

  [[nodiscard]] SourceCounts counts() const override { return counts_; }
  [[nodiscard]] SourceTraits traits() const override {
    return {.gives_up = std::any_of(trace_.attributes.begin(), trace_.attributes.end(),
                                    [](const TraceAttributes& a) { return a.cancel_after; }),
            .hears_of_ends = false};
  }

 private:
  void announce_next() {
    announce(counts_.requests < num_requests_ ? SimTime::at(next_row().arrival) : SimTime::max());
  }

  static void apply(const TraceAttributes& attributes, Request& request) {
    request.tenant = attributes.tenant;
    request.priority = attributes.priority;
    if (attributes.deadline) {
      request.deadline = request.arrival + *attributes.deadline;
    }
    if (attributes.cancel_after) {
      request.gives_up_at = request.arrival + *attributes.cancel_after;
      request.gives_up = GivesUp::cancels;
    }
  }

  [[nodiscard]] const TraceRow& next_row() const {
    return trace_.rows[static_cast<std::size_t>(counts_.requests)];
  }

  Request request_;  // the one that was taken
  Trace trace_;
  RequestLengths lengths_;
  std::int64_t num_requests_ = 0;
  SourceCounts counts_;
};

}  // namespace

std::unique_ptr<RequestSource> make_trace_replay(Trace trace, RequestLengths lengths,
                                                 SourceEnd end) {
  return std::make_unique<TraceReplay>(std::move(trace), std::move(lengths), end);
}

}  // namespace tessera
