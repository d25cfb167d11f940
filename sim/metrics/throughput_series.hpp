// timeseries.csv: what an engine delivered, and what its KV pool was used for, over time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "sim/metrics/step_totals.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

// The row at time t covers (t − every, t], the first one the start, too: throughputs are what
// happened in it, the rest is the state at t, after all that happened then. The last row ends with
// the run, and may cover less. Where there would be too many rows, neighbours are joined in pairs
// and the interval doubles.
class ThroughputSeries {
 public:
  ThroughputSeries(Duration every, std::int64_t engines);

  // What a step brought, when it ended. Events of one engine come in order of time.
  void add_tokens(EngineId engine, SimTime time, const StepTokens& tokens);
  void add_finished(EngineId engine, SimTime time);
  void add_usage(const UsageRecord& record);
  // What the steps of a span brought, and what they held.
  void add_span(const SpanRecord& span);
  // The rows up to the end of the run. Call once.
  void finish(SimTime end);
  // By time, then engine. Throws OutputFailed.
  void write(const std::filesystem::path& folder) const;

  // The interval, after finish().
  [[nodiscard]] Duration every() const { return Duration::picoseconds(every_ * stride_); }

 private:
  struct Deliveries {
    std::int64_t requests = 0;
    std::int64_t output_tokens = 0;
    std::int64_t prompt_tokens = 0;
    Deliveries& operator+=(const Deliveries& other);
  };
  struct State {
    QueueSizes queues;
    std::vector<KvUsage> kv;  // by device
    bool known = false;
  };
  struct Row {
    Int128 start = 0;  // picoseconds
    Int128 end = 0;
    Deliveries deliveries;
    State state;
  };
  struct Engine {
    Int128 start = 0;  // of the open interval
    Int128 close = 0;  // its end
    Deliveries open;
    State state;
    std::vector<Row> rows;
  };

  static void set_state(State& state, std::int64_t device, const KvUsage& kv,
                        const QueueSizes& queues);
  Engine& at(EngineId engine, SimTime time);
  void close_intervals(Engine& engine, Int128 time);
  void close_interval(Engine& engine, Int128 end);
  void widen();
  static void append_row(std::string& text, const Row& row, std::size_t engine);

  Int128 every_;
  std::size_t max_rows_;  // of an engine; even
  Int128 stride_ = 1;
  std::vector<Engine> engines_;
};

}  // namespace tessera
