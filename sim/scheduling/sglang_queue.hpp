// SGLang's waiting queue and its order (SchedulePolicy of python/sglang/srt/managers/
// schedule_policy.py): the longest cached prefix first, while at most 128 wait. Of several who have
// hardly a prefix in the cache but share one with each other, all but the first stand back, so that
// they find in the cache what the first one leaves there.
#pragma once

#include <vector>

#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {

class SglangQueue {
 public:
  explicit SglangQueue(SglangOrder order) : order_(order) {}

  void push_back(Sequence& sequence) { sequences_.push_back(&sequence); }
  void push_front(Sequence& sequence) { sequences_.insert(sequences_.begin(), &sequence); }
  // Puts it in the order in which it is served in this step.
  void sort(const StepBuilder& builder);
  void remove(const Sequence& sequence) { std::erase(sequences_, &sequence); }
  // Those who have been admitted leave.
  void drop_running();

  [[nodiscard]] bool empty() const { return sequences_.empty(); }
  [[nodiscard]] std::size_t size() const { return sequences_.size(); }
  [[nodiscard]] const std::vector<Sequence*>& in_order() const { return sequences_; }

 private:
  SglangOrder order_;
  std::vector<Sequence*> sequences_;
};

}  // namespace tessera
