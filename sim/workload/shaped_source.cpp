// A source whose requests are given attributes, and are followed by the next turns of their
// conversations.
//
// A turn's prompt is all that was said before it, question and answer, and the new question. The
// number of turns is geometric, thinking takes exponential time. A conversation ends early where
// the next turn would pass max_total_tokens.
#include <cmath>
#include <limits>
#include <map>
#include <queue>

#include "sim/workload/gaps.hpp"
#include "sim/workload/request_attributes.hpp"
#include "sim/workload/sources.hpp"
#include "sim/workload/uniform.hpp"
#include "sim/workload/ziggurat.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// A turn that will be taken.
struct Turn {
  SimTime at;
  std::int64_t order = 0;
  Request request;
  // A heap keeps its greatest on top: the latest is the least.
  friend bool operator<(const Turn& a, const Turn& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }
};

class ShapedSource final : public RequestSource {
 public:
  ShapedSource(std::unique_ptr<RequestSource> arrivals, const WorkloadSpec& spec,
               RequestLengths lengths, std::uint64_t seed)
      : arrivals_(std::move(arrivals)),
        spec_(spec),
        lengths_(std::move(lengths)),
        attributes_(spec, seed),
        turns_stream_(seed, "turns"),
        think_stream_(seed, "turn_think_time"),
        limit_(SourceEnd::of_generator(spec).requests) {
    if (!spec.conversations) {
      limit_ = std::numeric_limits<std::int64_t>::max();
    }
    announce_next();
  }

  const Request& pop() override {
    TESSERA_INVARIANT(next_arrival() < SimTime::max(),
                      "a request is taken only when one is known to arrive");
    take_next();
    request_.id = RequestId{num_requests_++};
    attributes_.apply_patience(request_);
    announce_next();
    return request_;
  }

  void on_end(const Request& request, SimTime now) override {
    hear_of_end(request, now);
    announce_next();
  }

  [[nodiscard]] SourceCounts counts() const override {
    SourceCounts counts = arrivals_->counts();
    counts.requests = num_requests_;
    counts.clamped_prompts += drawn_.clamped_prompts;
    counts.clamped_outputs += drawn_.clamped_outputs;
    counts.shortened_outputs += drawn_.shortened_outputs;
    return counts;
  }

  [[nodiscard]] SourceTraits traits() const override {
    SourceTraits traits = arrivals_->traits();
    traits.several_sequences = spec_.sampling && spec_.sampling->num_sequences() > 1;
    traits.gives_up = traits.gives_up || spec_.client_timeout || spec_.cancellations;
    traits.hears_of_ends = traits.hears_of_ends || spec_.conversations;
    return traits;
  }

 private:
  void announce_next() {
    if (num_requests_ == limit_) {
      announce(SimTime::max());
    } else if (turns_.empty()) {
      announce(arrivals_->next_arrival());
    } else {
      announce(std::min(turns_.top().at, arrivals_->next_arrival()));
    }
  }

  void hear_of_end(const Request& request, SimTime now) {
    const auto more = turns_left_.find(request.content.conversation);
    if (more == turns_left_.end()) {
      arrivals_->on_end(request, now);
      return;
    }
    Turn turn{now + think(), num_turns_, next_turn(request)};
    --more->second;
    // Who has gone asks nothing more.
    const bool has_gone = request.gives_up_at <= now;
    const bool is_too_long = spec_.max_total_tokens &&
                             turn.request.prompt + turn.request.output > *spec_.max_total_tokens;
    const bool is_last = has_gone || is_too_long || turn.at > last_arrival();
    if (more->second == 0 || is_last) {
      turns_left_.erase(more);
    }
    if (is_last) {
      arrivals_->on_end(request, now);
      return;
    }
    turn.request.arrival = turn.at;
    ++num_turns_;
    turns_.push(turn);
  }

  // Takes whichever comes first, a turn that follows or a conversation's first.
  void take_next() {
    if (!turns_.empty() && turns_.top().at <= arrivals_->next_arrival()) {
      request_ = turns_.top().request;
      turns_.pop();
      return;
    }
    request_ = arrivals_->pop();
    attributes_.apply_identity(request_);
    shorten(request_);
    if (const std::int64_t more = draw_following_turns(); more > 0) {
      turns_left_[request_.content.conversation] = more;
    }
  }

  // A prefix has made the prompt longer than the one that the output was shortened for.
  void shorten(Request& request) {
    const std::optional<Tokens>& most = spec_.max_total_tokens;
    if (most && spec_.shared_prefixes && request.prompt + request.output > *most) {
      const Tokens room = std::max(*most - request.prompt, Tokens{1});
      drawn_.shortened_outputs += room < request.output ? 1 : 0;
      request.output = std::min(request.output, room);
    }
  }

  // How many turns follow the first.
  std::int64_t draw_following_turns() {
    if (!spec_.conversations || spec_.conversations->mean_turns == 1.0) {
      return 0;
    }
    const double stay = 1.0 - 1.0 / spec_.conversations->mean_turns;
    return static_cast<std::int64_t>(
        std::floor(std::log1p(-draw_unit(turns_stream_)) / std::log(stay)));
  }

  Duration think() {
    const Duration mean = spec_.conversations->think_time;
    if (mean == Duration{}) {
      return Duration{};
    }
    const double drawn = draw_exponential(think_stream_);
    return GapQuantum(mean).round(mean.to_seconds() * drawn);
  }

  // Without its time and its patience.
  Request next_turn(const Request& last) {
    Request next = last;
    next.max_output.reset();
    next.deadline = next.gives_up_at = SimTime::max();
    Request drawn = last;
    SourceCounts counts;
    lengths_.apply(drawn, counts);
    drawn_.clamped_prompts += counts.clamped_prompts;
    drawn_.clamped_outputs += counts.clamped_outputs;
    next.prompt = last.prompt + last.output + drawn.prompt;
    next.output = drawn.output;
    next.max_output = drawn.max_output;
    return next;
  }

  [[nodiscard]] SimTime last_arrival() const { return SourceEnd::of_generator(spec_).last_arrival; }

  Request request_;  // the one that was taken
  std::unique_ptr<RequestSource> arrivals_;
  WorkloadSpec spec_;
  RequestLengths lengths_;  // of the turns that follow
  RequestAttributes attributes_;
  RandomStream turns_stream_;
  RandomStream think_stream_;
  std::int64_t limit_;
  std::priority_queue<Turn> turns_;
  std::map<std::int64_t, std::int64_t> turns_left_;  // by conversation, while more are to follow
  std::int64_t num_turns_ = 0;
  std::int64_t num_requests_ = 0;
  SourceCounts drawn_;  // of the turns that follow
};

}  // namespace

std::unique_ptr<RequestSource> shape_source(std::unique_ptr<RequestSource> arrivals,
                                            const WorkloadSpec& spec, std::uint64_t seed,
                                            const std::string& directory) {
  if (!spec.conversations && !RequestAttributes::any(spec)) {
    return arrivals;
  }
  // The turns that follow draw from streams of their own, so that first turns stay as they are.
  RequestLengths lengths(spec, ~seed, directory);
  return std::make_unique<ShapedSource>(std::move(arrivals), spec, std::move(lengths), seed);
}

}  // namespace tessera
