// Requests from a list, in order of arrival.
#pragma once

#include <utility>
#include <vector>

#include "tessera/workload/request_source.hpp"

namespace tessera {

class ListedRequests final : public RequestSource {
 public:
  explicit ListedRequests(std::vector<Request> requests) : requests_(std::move(requests)) {
    announce_next();
  }

  const Request& pop() override {
    const Request& request = requests_[next_++];
    announce_next();
    return request;
  }
  void on_end(const Request& /*request*/, SimTime /*now*/) override {}
  [[nodiscard]] SourceCounts counts() const override {
    return {.requests = static_cast<std::int64_t>(next_)};
  }
  [[nodiscard]] SourceTraits traits() const override {
    SourceTraits traits;
    for (const Request& request : requests_) {
      traits.gives_up = traits.gives_up || request.gives_up_at < SimTime::max();
      traits.several_sequences = traits.several_sequences || request.num_sequences > 1;
    }
    return traits;
  }

 private:
  void announce_next() {
    announce(next_ < requests_.size() ? requests_[next_].arrival : SimTime::max());
  }

  std::vector<Request> requests_;
  std::size_t next_ = 0;
};

}  // namespace tessera
