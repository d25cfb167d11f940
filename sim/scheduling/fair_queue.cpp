// The Virtual Token Counter: a fair share of the engine for every tenant.
#include <algorithm>
#include <deque>
#include <map>

#include "sim/scheduling/waiting_queue.hpp"

namespace tessera {
namespace {

constexpr std::int64_t price_of_input = 1;
constexpr std::int64_t price_of_output = 2;

class FairQueue final : public WaitingQueue {
 public:
  void append(Sequence& sequence) override {
    lift(sequence.request.tenant);
    tenants_[sequence.request.tenant].waiting.push_back(&sequence);
    ++size_;
  }
  void put_back(Sequence& sequence) override {
    lift(sequence.request.tenant);
    tenants_[sequence.request.tenant].waiting.push_front(&sequence);
    ++size_;
  }
  void remove(const Sequence& sequence) override {
    size_ -= std::erase(tenants_[sequence.request.tenant].waiting, &sequence);
  }
  [[nodiscard]] Sequence& head() const override { return *least_served()->second.waiting.front(); }
  void pop_head() override {
    const auto tenant = least_served();
    last_to_leave_ = tenant->first;
    tenants_[tenant->first].waiting.pop_front();
    --size_;
  }
  [[nodiscard]] std::size_t size() const override { return size_; }

  void begin_step(const std::vector<Sequence*>& running, SimTime /*now*/) override {
    for (Sequence* sequence : running) {
      charge_output(*sequence);
    }
  }
  void admitted(const Sequence& sequence) override {
    if (sequence.num_preemptions == 0) {
      const Request& request = sequence.request;
      tenants_[request.tenant].counter += price_of_input * request.prompt.count();
    }
  }
  void left(Sequence& sequence) override { charge_output(sequence); }

  // As long as the tenant who is served next stays the one that has been served least.
  [[nodiscard]] Repeats repeats(const std::vector<Sequence*>& running) const override {
    if (size_ == 0) {
      return {.steps = Repeats::forever};
    }
    std::map<std::int64_t, std::int64_t> growth;
    for (const Sequence* sequence : running) {
      growth[sequence->request.tenant] += price_of_output;
    }
    const auto next = least_served();
    std::int64_t steps = Repeats::forever;
    for (auto tenant = tenants_.begin(); tenant != tenants_.end(); ++tenant) {
      const std::int64_t gain = growth[next->first] - growth[tenant->first];
      if (!tenant->second.waiting.empty() && gain > 0) {
        const bool wins_ties = next->first < tenant->first;
        const std::int64_t lead = tenant->second.counter - next->second.counter;
        steps = std::min(steps, (lead - (wins_ties ? 0 : 1)) / gain);
      }
    }
    return {.steps = steps};
  }
  void repeat(const std::vector<Sequence*>& running, std::int64_t /*steps*/, SimTime now) override {
    begin_step(running, now);
  }

 private:
  struct Tenant {
    std::int64_t counter = 0;
    std::deque<Sequence*> waiting;
  };
  using Tenants = std::map<std::int64_t, Tenant>;

  // Of equals the one with the smallest number. Precondition: somebody waits.
  [[nodiscard]] Tenants::const_iterator least_served() const {
    auto least = tenants_.end();
    for (auto tenant = tenants_.begin(); tenant != tenants_.end(); ++tenant) {
      const bool waits = !tenant->second.waiting.empty();
      if (waits && (least == tenants_.end() || tenant->second.counter < least->second.counter)) {
        least = tenant;
      }
    }
    return least;
  }

  // Nobody saves up service while waiting for nothing.
  void lift(std::int64_t number) {
    Tenant& tenant = tenants_[number];
    if (!tenant.waiting.empty()) {
      return;
    }
    const std::int64_t floor =
        size_ > 0 ? least_served()->second.counter : tenants_[last_to_leave_].counter;
    tenant.counter = std::max(tenant.counter, floor);
  }

  void charge_output(Sequence& sequence) {
    const Tokens more = sequence.generated - sequence.charged;
    tenants_[sequence.request.tenant].counter += price_of_output * more.count();
    sequence.charged = sequence.generated;
  }

  Tenants tenants_;
  std::size_t size_ = 0;
  std::int64_t last_to_leave_ = 0;  // the tenant whose request was taken last
};

}  // namespace

std::unique_ptr<WaitingQueue> make_fair_queue() {
  return std::make_unique<FairQueue>();
}

}  // namespace tessera
