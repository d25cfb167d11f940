#include "sim/scheduling/waiting_queue.hpp"

#include <algorithm>
#include <deque>

namespace tessera {
namespace {

class FcfsQueue final : public WaitingQueue {
 public:
  void append(Sequence& sequence) override { waiting_.push_back(&sequence); }
  void put_back(Sequence& sequence) override { waiting_.push_front(&sequence); }
  void remove(const Sequence& sequence) override { std::erase(waiting_, &sequence); }
  [[nodiscard]] Sequence& head() const override { return *waiting_.front(); }
  void pop_head() override { waiting_.pop_front(); }
  [[nodiscard]] std::size_t size() const override { return waiting_.size(); }

 private:
  std::deque<Sequence*> waiting_;
};

}  // namespace

std::unique_ptr<WaitingQueue> make_fcfs_queue() {
  return std::make_unique<FcfsQueue>();
}

std::unique_ptr<WaitingQueue> make_waiting_queue(const OrderSettings& settings,
                                                 const PolicyContext& context) {
  switch (settings.order) {
    case Order::fcfs:
      break;
    case Order::priority:
    case Order::sjf:
    case Order::edf:
      return make_sorted_queue(settings, context);
    case Order::vtc:
      return make_fair_queue();
    case Order::mlfq:
      return make_feedback_queue(context);
  }
  return make_fcfs_queue();
}

}  // namespace tessera
