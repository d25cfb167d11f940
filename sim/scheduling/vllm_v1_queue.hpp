// vLLM v1's waiting queue: first come first served with preempted requests in front, or a priority
// queue on (priority, arrival time, request id), where the ids compare as text.
#pragma once

#include <deque>
#include <set>

#include "tessera/scheduling/policy_specs.hpp"
#include "tessera/scheduling/sequence.hpp"

namespace tessera {

// Whether `a` is served before `b` by priority.
struct ServedBefore {
  bool operator()(const Sequence* a, const Sequence* b) const;
};

class VllmV1Queue {
 public:
  explicit VllmV1Queue(Order order) : order_(order) {}

  void append(Sequence& sequence);
  // In front of all others, where the order has a front.
  void put_back(Sequence& sequence);
  void remove(const Sequence& sequence);
  // Preconditions: not empty.
  [[nodiscard]] Sequence& head() const;
  void pop_head();

  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const { return fifo_.size() + by_priority_.size(); }

 private:
  Order order_;
  std::deque<Sequence*> fifo_;
  std::set<Sequence*, ServedBefore> by_priority_;
};

}  // namespace tessera
