// A recorded run of a real engine's scheduler: what it was given, and what it decided step by step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/engine/scenario.hpp"
#include "tessera/workload/request.hpp"

namespace tessera::truth {

// A sequence's part of a step, as `id:tokens:p|d` says it.
struct ScheduledTokens {
  std::int64_t request = 0;
  std::int64_t tokens = 0;
  char kind = 'p';
  friend auto operator<=>(const ScheduledTokens&, const ScheduledTokens&) = default;
};

struct HitTokens {
  std::int64_t request = 0;
  std::int64_t tokens = 0;
  friend auto operator<=>(const HitTokens&, const HitTokens&) = default;
};

// One row of steps.csv. Times are ticks of 100 ns.
struct TraceStep {
  std::int64_t step = 0;
  std::int64_t clock_start = 0;
  std::int64_t clock_end = 0;
  std::int64_t scheduled_at = 0;  // sched_s
  std::int64_t num_running_before = 0;
  std::int64_t num_waiting_before = 0;
  std::int64_t num_swapped_before = 0;
  std::vector<ScheduledTokens> scheduled;  // sorted: compared as a map
  std::vector<std::int64_t> preempted;     // in the order of preemption
  std::vector<std::int64_t> finished;      // sorted
  std::vector<std::int64_t> admitted;      // sorted
  std::vector<std::int64_t> swapped_in;
  std::vector<std::int64_t> swapped_out;
  std::int64_t free_blocks_after_schedule = 0;
  std::int64_t free_blocks_after = 0;
  std::int64_t total_blocks = 0;
  std::int64_t cached_hit_tokens = 0;
  std::vector<HitTokens> hits;  // sorted
  std::int64_t num_running_after = 0;
  std::int64_t num_waiting_after = 0;
  std::int64_t num_tokens = 0;
  friend bool operator==(const TraceStep&, const TraceStep&) = default;
};

struct StepTrace {
  Scenario scenario;              // the engine's settings on the traces' clock
  std::vector<Request> requests;  // in order of arrival
  std::vector<TraceStep> steps;
};

// Reads config.json and steps.csv.gz of `folder`, and the workload that it names from `workloads`.
// Throws BadInput or UnreadableFile; BadInput also for an engine or a setting that is not modelled.
[[nodiscard]] StepTrace read_step_trace(const std::filesystem::path& folder,
                                        const std::filesystem::path& workloads);

// Whether read_step_trace can replay the engine and the settings of `folder`.
[[nodiscard]] bool is_modelled(const std::filesystem::path& folder);

// Replays the trace. Empty when every field of every step is equal, else the first difference:
// its step, field and both values.
[[nodiscard]] std::string first_difference(const StepTrace& trace);

}  // namespace tessera::truth
