#include <algorithm>
#include <optional>

#include "tessera/engine/simulate.hpp"
#include "tests/support/listed_requests.hpp"
#include "tests/truth/engine_trace/step_trace.hpp"

namespace tessera::truth {
namespace {

std::int64_t ticks_of(SimTime time) {
  return static_cast<std::int64_t>(time.since_start().picoseconds() / 100'000);
}

std::vector<std::int64_t> ids_of(const std::vector<Sequence*>& sequences) {
  std::vector<std::int64_t> ids;
  for (const Sequence* sequence : sequences) {
    ids.push_back(number_of(sequence->request.id));
  }
  return ids;
}

std::vector<std::int64_t> sorted_ids_of(const std::vector<Sequence*>& sequences) {
  std::vector<std::int64_t> ids = ids_of(sequences);
  std::sort(ids.begin(), ids.end());
  return ids;
}

void set_queues_and_blocks(TraceStep& step, const StepRecord& record) {
  step.num_running_before = record.before.running;
  step.num_waiting_before = record.before.waiting;
  step.num_swapped_before = record.before.swapped;
  step.num_running_after = record.after.running;
  step.num_waiting_after = record.after.waiting;
  step.free_blocks_after_schedule = record.free_blocks_after_schedule.value_or(Blocks{0}).count();
  step.free_blocks_after = record.free_blocks_after.value_or(Blocks{0}).count();
  step.total_blocks = record.total_blocks.value_or(Blocks{0}).count();
}

TraceStep step_of(const StepRecord& record) {
  TraceStep step;
  step.step = record.iteration;
  step.clock_start = ticks_of(record.start);
  step.clock_end = ticks_of(record.end);
  step.scheduled_at = ticks_of(record.scheduled);
  set_queues_and_blocks(step, record);
  for (const StepEntry& entry : record.step->entries) {
    if (!entry.withdrawn) {
      step.scheduled.push_back({number_of(entry.sequence->request.id),
                                (entry.tokens + entry.cached).count(),
                                entry.kind == EntryKind::prefill ? 'p' : 'd'});
    }
  }
  std::sort(step.scheduled.begin(), step.scheduled.end());
  step.preempted = ids_of(record.step->preempted);
  step.swapped_in = ids_of(record.step->swapped_in);
  step.swapped_out = ids_of(record.step->swapped_out);
  step.finished = sorted_ids_of(*record.finished);
  step.admitted = sorted_ids_of(record.step->admitted);
  for (const CacheHit& hit : record.step->hits) {
    step.hits.push_back({number_of(hit.sequence->request.id), hit.tokens.count()});
    step.cached_hit_tokens += hit.tokens.count();
  }
  std::sort(step.hits.begin(), step.hits.end());
  step.num_tokens = (record.step->tokens + record.step->cached).count();
  return step;
}

std::string to_text(std::int64_t value) {
  return std::to_string(value);
}

std::string to_text(const ScheduledTokens& entry) {
  return std::to_string(entry.request) + ":" + std::to_string(entry.tokens) + ":" + entry.kind;
}

std::string to_text(const HitTokens& hit) {
  return std::to_string(hit.request) + ":" + std::to_string(hit.tokens);
}

template <class T>
std::string to_text(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) {
    text += (text.empty() ? "" : ";") + to_text(value);
  }
  return text.empty() ? "none" : text;
}

// Precondition: they differ.
std::string difference(const TraceStep& engine, const TraceStep& ours) {
  std::string text;
  const auto compare = [&](const char* field, const auto& expected, const auto& actual) {
    if (text.empty() && !(expected == actual)) {
      text = "step " + std::to_string(engine.step) + ", " + field + ": the engine has " +
             to_text(expected) + ", Tessera has " + to_text(actual);
    }
  };
  compare("step", engine.step, ours.step);
  compare("clock_start_s (ticks of 100 ns)", engine.clock_start, ours.clock_start);
  compare("sched_s (ticks of 100 ns)", engine.scheduled_at, ours.scheduled_at);
  compare("num_running_before", engine.num_running_before, ours.num_running_before);
  compare("num_waiting_before", engine.num_waiting_before, ours.num_waiting_before);
  compare("num_swapped_before", engine.num_swapped_before, ours.num_swapped_before);
  compare("preempted", engine.preempted, ours.preempted);
  compare("admitted", engine.admitted, ours.admitted);
  compare("swapped_in", engine.swapped_in, ours.swapped_in);
  compare("swapped_out", engine.swapped_out, ours.swapped_out);
  compare("hits", engine.hits, ours.hits);
  compare("cached_hit_tokens", engine.cached_hit_tokens, ours.cached_hit_tokens);
  compare("scheduled", engine.scheduled, ours.scheduled);
  compare("num_tokens", engine.num_tokens, ours.num_tokens);
  compare("clock_end_s (ticks of 100 ns)", engine.clock_end, ours.clock_end);
  compare("total_blocks", engine.total_blocks, ours.total_blocks);
  compare("free_blocks_after_schedule", engine.free_blocks_after_schedule,
          ours.free_blocks_after_schedule);
  compare("finished", engine.finished, ours.finished);
  compare("free_blocks_after", engine.free_blocks_after, ours.free_blocks_after);
  compare("num_running_after", engine.num_running_after, ours.num_running_after);
  compare("num_waiting_after", engine.num_waiting_after, ours.num_waiting_after);
  return text;
}

// Ends the simulation at the first difference: what comes after one means nothing.
struct Differs {
  std::string text;
};

class StepComparison final : public Recorder {
 public:
  explicit StepComparison(const std::vector<TraceStep>& steps) : steps_(steps) {}

  void on_step(const StepRecord& record) override {
    const TraceStep ours = step_of(record);
    if (seen_ == steps_.size()) {
      throw Differs{"step " + std::to_string(ours.step) +
                    ": the engine had ended, Tessera goes on"};
    }
    if (!(steps_[seen_] == ours)) {
      throw Differs{difference(steps_[seen_], ours)};
    }
    ++seen_;
  }

  [[nodiscard]] std::size_t seen() const { return seen_; }

 private:
  const std::vector<TraceStep>& steps_;
  std::size_t seen_ = 0;
};

}  // namespace

std::string first_difference(const StepTrace& trace) {
  ListedRequests source(trace.requests);
  StepComparison comparison(trace.steps);
  try {
    simulate(trace.scenario, source, comparison);
  } catch (const Differs& differs) {
    return differs.text;
  }
  if (comparison.seen() != trace.steps.size()) {
    return "step " + std::to_string(comparison.seen()) + ": the engine goes on, Tessera has ended";
  }
  return {};
}

}  // namespace tessera::truth
