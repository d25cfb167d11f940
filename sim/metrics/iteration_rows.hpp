// iterations.csv: how large each step was, and where its time went, a row a step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "sim/metrics/in_time_order.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

// num_running and num_waiting are those while the step ran: after its admissions and preemptions;
// free_blocks likewise.
struct Iteration {
  std::int64_t number = 0;
  EngineId engine{};
  SimTime start;
  SimTime end;
  StepTime time;
  std::int64_t batch_size = 0;
  std::int64_t prefill_tokens = 0;
  std::int64_t decode_tokens = 0;
  std::int64_t context_tokens = 0;
  QueueSizes queues;
  std::int64_t num_preempted = 0;
  std::optional<Blocks> free_blocks;
};

// The iterations of a span, one after the other. It keeps what it needs of the span.
class SpanIterations {
 public:
  explicit SpanIterations(const StepRecord& record);
  explicit SpanIterations(const SpanRecord& span);

  [[nodiscard]] const Iteration& current() const { return current_; }
  [[nodiscard]] SimTime end() const { return current_.end; }
  // Goes on to the next one. False where there is none.
  bool next();

 private:
  Iteration current_;
  std::int64_t left_ = 0;  // behind the current one
  StepTime longer_;        // by what each takes than the one before it
  std::int64_t more_context_ = 0;
  std::vector<std::int64_t> taken_;  // blocks, by number of the iteration modulo its size
};

// The rows are in order of the steps' ends, at one moment by engine.
class IterationRows {
 public:
  // `engines` whose spans may overlap, so that rows wait for those of other engines; none where
  // records come in the order of the rows.
  IterationRows(const std::filesystem::path& folder, std::int64_t overlapping_engines);

  void add(const StepRecord& record);
  // A row for every step of the span.
  void add(const SpanRecord& span);
  // The engine has told of all its steps that end up to `time`.
  void know_until(EngineId engine, SimTime time);
  void close();

 private:
  void add(EngineId engine, SimTime end, SpanIterations iterations);

  RowWriter file_;
  std::optional<InTimeOrder<SpanIterations>> in_order_;  // where spans overlap
};

}  // namespace tessera
