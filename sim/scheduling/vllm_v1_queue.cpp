#include "sim/scheduling/vllm_v1_queue.hpp"

#include <algorithm>
#include <string>
#include <tuple>

namespace tessera {

bool ServedBefore::operator()(const Sequence* a, const Sequence* b) const {
  const auto rank = [](const Sequence* s) {
    return std::tuple(s->request.priority, s->request.arrival);
  };
  if (rank(a) != rank(b)) {
    return rank(a) < rank(b);
  }
  return std::to_string(number_of(a->request.id)) < std::to_string(number_of(b->request.id));
}

void VllmV1Queue::append(Sequence& sequence) {
  if (order_ == Order::priority) {
    by_priority_.insert(&sequence);
  } else {
    fifo_.push_back(&sequence);
  }
}

void VllmV1Queue::put_back(Sequence& sequence) {
  if (order_ == Order::priority) {
    by_priority_.insert(&sequence);
  } else {
    fifo_.push_front(&sequence);
  }
}

void VllmV1Queue::remove(const Sequence& sequence) {
  std::erase(fifo_, &sequence);
  std::erase_if(by_priority_, [&](const Sequence* other) { return other == &sequence; });
}

Sequence& VllmV1Queue::head() const {
  return order_ == Order::priority ? **by_priority_.begin() : *fifo_.front();
}

void VllmV1Queue::pop_head() {
  if (order_ == Order::priority) {
    by_priority_.erase(by_priority_.begin());
  } else {
    fifo_.pop_front();
  }
}

}  // namespace tessera
