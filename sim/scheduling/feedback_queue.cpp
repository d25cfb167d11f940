// FastServe's skip-join multi-level feedback queue (Wu et al., 2023).
//
// FastServe preempts between iterations, each of which is a whole prefill or a token, and what it
// preempts keeps its KV in host memory. Here prompts may be computed in chunks, and what is
// preempted is computed again. So a sequence gives way only once it has sampled a token since its
// admission: were it sent away before, all could take turns and none would ever come to its end.
#include <algorithm>
#include <deque>
#include <map>

#include "sim/scheduling/waiting_queue.hpp"

namespace tessera {
namespace {

constexpr Duration base_quantum = Duration::milliseconds(10);
constexpr Duration starvation = Duration::seconds(3);
constexpr std::int64_t steps_between_checks = 1000;
constexpr int lowest_level = 40;  // a quantum of 127 days

Duration quantum_of(int level) {
  return base_quantum * (std::int64_t{1} << level);
}

class FeedbackQueue final : public WaitingQueue {
 public:
  explicit FeedbackQueue(const PolicyContext& context) : context_(context) {}

  void append(Sequence& sequence) override {
    Job job;
    const Duration prefill = context_.prefill_time(sequence.request.prompt);
    while (quantum_of(job.level) < prefill && job.level < lowest_level) {
      ++job.level;
    }
    job.waits_since = sequence.request.arrival;
    jobs_[sequence.kv.id] = job;
    enter(sequence);
  }

  void put_back(Sequence& sequence) override {
    jobs_[sequence.kv.id].waits_since = now_;
    enter(sequence);
  }

  void remove(const Sequence& sequence) override {
    for (auto& [level, waiting] : levels_) {
      size_ -= std::erase(waiting, &sequence);
    }
  }

  [[nodiscard]] Sequence& head() const override { return *first_level()->second.front(); }
  void pop_head() override {
    levels_[first_level()->first].pop_front();
    --size_;
  }
  [[nodiscard]] std::size_t size() const override { return size_; }

  // The lowest level, of it the one that was admitted last.
  [[nodiscard]] std::size_t choose_victim(const std::vector<Sequence*>& running) const override {
    std::size_t victim = 0;
    for (std::size_t i = 1; i < running.size(); ++i) {
      victim = level_of(*running[i]) >= level_of(*running[victim]) ? i : victim;
    }
    return victim;
  }

  void begin_step(const std::vector<Sequence*>& running, SimTime now) override {
    for (const Sequence* sequence : running) {
      Job& job = jobs_[sequence->kv.id];
      job.used += now - std::max(now_, job.runs_since);
      if (job.used >= quantum_of(job.level) && job.level < lowest_level) {
        ++job.level;
        job.used = Duration{};
      }
    }
    now_ = now;
    if (++steps_ % steps_between_checks == 0) {
      promote_the_starved();
    }
  }

  void admitted(const Sequence& sequence) override {
    Job& job = jobs_[sequence.kv.id];
    job.runs_since = now_;
    job.generated_before = sequence.generated;
  }
  void left(Sequence& sequence) override { jobs_.erase(sequence.kv.id); }

  // Until somebody has used up a quantum, may give way at last, or the starved are looked for.
  [[nodiscard]] Repeats repeats(const std::vector<Sequence*>& running) const override {
    Repeats repeats{.steps = steps_between_checks - 1 - steps_ % steps_between_checks};
    for (const Sequence* sequence : running) {
      const Job& job = jobs_.at(sequence->kv.id);
      if (!has_sampled(*sequence)) {
        repeats.steps = 0;
      }
      if (job.level < lowest_level) {
        const SimTime since = std::max(now_, job.runs_since);
        repeats.until = std::min(repeats.until, since + (quantum_of(job.level) - job.used));
      }
    }
    return repeats;
  }
  void repeat(const std::vector<Sequence*>& running, std::int64_t steps, SimTime now) override {
    steps_ += steps - 1;
    begin_step(running, now);
  }

  [[nodiscard]] bool displaces() const override { return true; }
  [[nodiscard]] bool gives_way(const Sequence& running) const override {
    return has_sampled(running) && first_level()->first < level_of(running);
  }

 private:
  struct Job {
    int level = 0;
    Duration used;  // of the level's quantum
    SimTime waits_since;
    SimTime runs_since;
    Tokens generated_before{0};  // its last admission
  };
  using Levels = std::map<int, std::deque<Sequence*>>;

  void enter(Sequence& sequence) {
    levels_[level_of(sequence)].push_back(&sequence);
    ++size_;
  }
  [[nodiscard]] int level_of(const Sequence& sequence) const {
    return jobs_.at(sequence.kv.id).level;
  }
  // Since it was admitted.
  [[nodiscard]] bool has_sampled(const Sequence& sequence) const {
    return sequence.generated > jobs_.at(sequence.kv.id).generated_before;
  }
  // Precondition: somebody waits.
  [[nodiscard]] Levels::const_iterator first_level() const {
    return std::find_if(levels_.begin(), levels_.end(),
                        [](const auto& level) { return !level.second.empty(); });
  }

  void promote_the_starved() {
    std::vector<Sequence*> starved;
    for (auto& [level, waiting] : levels_) {
      std::erase_if(waiting, [&](Sequence* sequence) {
        const bool starves = now_ - jobs_[sequence->kv.id].waits_since > starvation;
        if (starves) {
          starved.push_back(sequence);
        }
        return starves;
      });
    }
    size_ -= starved.size();
    for (Sequence* sequence : starved) {
      Job& job = jobs_[sequence->kv.id];
      job.level = 0;
      job.used = Duration{};
      enter(*sequence);
    }
  }

  PolicyContext context_;
  std::map<SequenceId, Job> jobs_;  // of all that wait and run
  Levels levels_;
  std::size_t size_ = 0;
  SimTime now_;
  std::int64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<WaitingQueue> make_feedback_queue(const PolicyContext& context) {
  return std::make_unique<FeedbackQueue>(context);
}

}  // namespace tessera
