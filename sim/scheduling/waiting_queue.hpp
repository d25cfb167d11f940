// Who is served first: the waiting sequences of a policy in one of the orders that compose with it.
//
//   fcfs      first come, first served; who is put back goes to the front
//   priority  vLLM's: by (priority, arrival, request id), where the ids compare as text
//   sjf       the shortest prompt + predicted output first. The prediction is the true output times
//             exp(sigma · z), z drawn from a standard normal distribution for each request.
//   edf       the earliest deadline first: the request's own, or its arrival + the limit that the
//             SLO sets on each request's end, or on its first token; who has neither comes last
//   vtc       the tenant that has been served least (Sheng et al., "Fairness in Serving Large
//             Language Models", OSDI 2024, algorithm 2): a counter a tenant, +1 a prompt token at
//             the first admission, +2 a sampled token; who has waited for nothing is lifted to the
//             least counter of those who wait. Within a tenant first come, first served.
//   mlfq      FastServe's skip-join multi-level feedback queue (Wu et al., 2023): level p has a
//             quantum of 10 ms · 2^p; a request joins at the first level whose quantum covers its
//             prefill, falls a level when it has used one up, and rises to the top once it has
//             starved for 3 s, which is looked for every 1000 steps. Running sequences of lower
//             levels give way to waiting ones of higher levels. FastServe moves their KV to host
//             memory; here it is computed again, unless prefix caching has kept it.
//
// Equals are served in order of arrival, then by the request's number.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tessera/core/time.hpp"
#include "tessera/scheduling/batch_policy.hpp"
#include "tessera/scheduling/policy_specs.hpp"
#include "tessera/scheduling/sequence.hpp"

namespace tessera {

class WaitingQueue {
 public:
  WaitingQueue() = default;
  WaitingQueue(const WaitingQueue&) = delete;
  WaitingQueue& operator=(const WaitingQueue&) = delete;
  virtual ~WaitingQueue() = default;

  // A sequence that has arrived.
  virtual void append(Sequence& sequence) = 0;
  // One that has been preempted, or passed over.
  virtual void put_back(Sequence& sequence) = 0;
  // Takes `sequence` out, wherever it waits; nothing happens if it does not.
  virtual void remove(const Sequence& sequence) = 0;
  // Preconditions: not empty.
  [[nodiscard]] virtual Sequence& head() const = 0;
  virtual void pop_head() = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  [[nodiscard]] bool empty() const { return size() == 0; }

  // Which of `running` (in order of admission, not empty) gives up its memory when there is none.
  [[nodiscard]] virtual std::size_t choose_victim(const std::vector<Sequence*>& running) const {
    return running.size() - 1;
  }
  // A step is about to be decided; `running` are those of the last one who go on.
  virtual void begin_step(const std::vector<Sequence*>& /*running*/, SimTime /*now*/) {}
  // The head has just been admitted, and popped.
  virtual void admitted(const Sequence& /*sequence*/) {}
  // It leaves: it has sampled its last token, or its client has gone.
  virtual void left(Sequence& /*sequence*/) {}
  // For how long the order of who waits, and of who gives way, stays as it is, if it is asked for
  // at every step with the same `running`.
  [[nodiscard]] virtual Repeats repeats(const std::vector<Sequence*>& /*running*/) const {
    return {.steps = Repeats::forever};
  }
  // begin_step() has been called so many times more, the last time `now`.
  virtual void repeat(const std::vector<Sequence*>& /*running*/, std::int64_t /*steps*/,
                      SimTime /*now*/) {}
  // Whether waiting sequences displace running ones at all.
  [[nodiscard]] virtual bool displaces() const { return false; }
  // Whether `running` should give way to the head, where both cannot run.
  [[nodiscard]] virtual bool gives_way(const Sequence& /*running*/) const { return false; }
};

// What an order is told of the policy that it serves.
struct OrderSettings {
  Order order = Order::fcfs;
  double prediction_error = 0.0;  // sjf's sigma
};

[[nodiscard]] std::unique_ptr<WaitingQueue> make_waiting_queue(const OrderSettings& settings,
                                                               const PolicyContext& context);
[[nodiscard]] std::unique_ptr<WaitingQueue> make_fcfs_queue();
// Sorted by a key that a request keeps: priority, sjf and edf.
[[nodiscard]] std::unique_ptr<WaitingQueue> make_sorted_queue(const OrderSettings& settings,
                                                              const PolicyContext& context);
[[nodiscard]] std::unique_ptr<WaitingQueue> make_fair_queue();
[[nodiscard]] std::unique_ptr<WaitingQueue> make_feedback_queue(const PolicyContext& context);

}  // namespace tessera
