#include "tessera/metrics/run_recorder.hpp"

#include <optional>

#include "sim/metrics/free_run_series.hpp"
#include "sim/metrics/generation_rows.hpp"
#include "sim/metrics/iteration_rows.hpp"
#include "sim/metrics/joint_peak.hpp"
#include "sim/metrics/memory_series.hpp"
#include "sim/metrics/perfetto_trace.hpp"
#include "sim/metrics/request_rows.hpp"
#include "sim/metrics/request_totals.hpp"
#include "sim/metrics/step_rows.hpp"
#include "sim/metrics/step_totals.hpp"
#include "sim/metrics/summary.hpp"
#include "sim/metrics/throughput_series.hpp"
#include "sim/metrics/usage_totals.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

std::int64_t batch_limit(const PolicySpec& policy) {
  return std::visit([](const auto& spec) { return spec.traits().max_num_seqs; }, policy);
}

Diagnostic widened(const std::string& file, Duration asked, Duration got) {
  std::string text = "one row every ";
  append_seconds(text, got);
  text += " s instead of ";
  append_seconds(text, asked);
  text += " s, to stay within 10,000 rows";
  return {Severity::note, {file, 0, 0}, text};
}

}  // namespace

struct RunRecorder::State {
  State(const Scenario& run, const OutputFolder* place)
      : scenario(run), folder(place), requests(run.slo), usage(batch_limit(run.engine.policy)) {}

  // Engines whose spans overlap in time; none where each record begins when all others do.
  [[nodiscard]] std::int64_t overlapping_engines() const {
    return node.engines > 1 && node.why_step_by_step.empty() ? node.engines : 0;
  }
  void open_files();
  void close_files();
  void write_series();
  // A request that need not be a usual one. Out of the way of those that are.
  [[gnu::noinline]] void add_any(const RequestRecord& record);

  const Scenario& scenario;
  const OutputFolder* folder;

  RequestTotals requests;
  StepTotals steps;
  UsageTotals usage;
  std::optional<JointPeak> joint_peak;  // where spans overlap
  NodeRecord node;
  RunEnd end;

  std::optional<RequestRows> request_rows;
  std::optional<RequestKvRows> request_kv_rows;
  std::optional<IterationRows> iteration_rows;
  std::optional<StepRows> step_rows;
  std::optional<GenerationRows> generation_rows;
  std::optional<PerfettoTrace> trace;
  std::optional<MemorySeries> memory;
  std::optional<ThroughputSeries> throughput;
  std::optional<FreeRunSeries> free_runs;

  Summary summary;
  std::string json;
  Diagnostics notes;
};

void RunRecorder::State::open_files() {
  if (scenario.output.generation) {
    generation_rows.emplace(scenario,
                            folder == nullptr ? std::nullopt : std::optional(folder->staging()));
  }
  if (folder == nullptr) {
    return;
  }
  const OutputSpec& output = scenario.output;
  request_rows.emplace(folder->staging());
  if (output.request_kv) {
    request_kv_rows.emplace(folder->staging());
  }
  if (output.iterations) {
    iteration_rows.emplace(folder->staging(), overlapping_engines());
  }
  if (output.steps) {
    step_rows.emplace(folder->staging(),
                      node.engines > 1 ? EngineColumn::last : EngineColumn::absent,
                      overlapping_engines());
  }
  if (output.trace) {
    trace.emplace(folder->staging(), node.engines);
  }
  if (output.memory) {
    memory.emplace(output.memory->every,
                   node.engines * static_cast<std::int64_t>(node.devices.size()));
  }
  if (output.timeseries) {
    throughput.emplace(output.timeseries->every, node.engines);
  }
  if (output.free_runs) {
    free_runs.emplace(output.free_runs->every);
  }
}

void RunRecorder::State::close_files() {
  if (request_rows) {
    request_rows->close();
  }
  if (request_kv_rows) {
    request_kv_rows->close();
  }
  if (iteration_rows) {
    iteration_rows->close();
  }
  if (step_rows) {
    step_rows->close();
  }
  if (generation_rows) {
    generation_rows->close();
  }
  if (trace) {
    trace->close();
  }
}

void RunRecorder::State::write_series() {
  const OutputSpec& output = scenario.output;
  if (throughput) {
    throughput->finish(end.time);
    throughput->write(folder->staging());
    if (throughput->every() != output.timeseries->every) {
      notes.push_back(widened("timeseries.csv", output.timeseries->every, throughput->every()));
    }
  }
  if (memory) {
    memory->finish(end.time);
    memory->write(folder->staging());
    if (memory->every() != output.memory->every) {
      notes.push_back(widened("memory.csv", output.memory->every, memory->every()));
    }
  }
  if (free_runs) {
    free_runs->finish(end.time);
    free_runs->write(folder->staging());
    if (free_runs->every() != output.free_runs->every) {
      notes.push_back(widened("free_runs.csv", output.free_runs->every, free_runs->every()));
    }
  }
}

void RunRecorder::State::add_any(const RequestRecord& record) {
  const RequestLatencies latencies = requests.add(record);
  if (request_rows) {
    request_rows->add(record, latencies);
  }
}

RunRecorder::RunRecorder(const Scenario& scenario, const OutputFolder* folder)
    : state_(std::make_unique<State>(scenario, folder)) {}

RunRecorder::~RunRecorder() = default;

void RunRecorder::on_start(const NodeRecord& record) {
  state_->node = record;
  if (state_->overlapping_engines() > 0) {
    state_->joint_peak.emplace(record.engines);
  }
  state_->open_files();
}

void RunRecorder::on_step(const StepRecord& record) {
  const StepTokens tokens = state_->steps.add(record);
  if (state_->throughput) {
    state_->throughput->add_tokens(record.engine, record.end, tokens);
  }
  if (state_->iteration_rows) {
    state_->iteration_rows->add(record);
  }
  if (state_->step_rows) {
    state_->step_rows->add(record);
  }
  if (state_->generation_rows) {
    state_->generation_rows->add(record);
  }
  if (state_->trace) {
    state_->trace->add(record);
  }
}

void RunRecorder::on_usage(const UsageRecord& record) {
  record.ledger.audit();
  TESSERA_INVARIANT(record.ledger.kv.largest_free <= record.ledger.kv.free(),
                    "the longest free run is free");
  state_->usage.add(record);
  if (state_->joint_peak) {
    state_->joint_peak->add(record);
  }
  if (state_->iteration_rows) {
    state_->iteration_rows->know_until(record.engine, record.time);
  }
  if (state_->step_rows) {
    state_->step_rows->know_until(record.engine, record.time);
  }
  if (state_->memory) {
    state_->memory->add(record);
  }
  if (state_->throughput) {
    state_->throughput->add_usage(record);
  }
  if (state_->trace) {
    state_->trace->add(record);
  }
}

void RunRecorder::on_span(const SpanRecord& span) {
  const Bytes reserved = span.reserved + span.block * span.num_taken;
  TESSERA_INVARIANT(
      span.live >= Bytes{0} && span.never >= Bytes{0} && span.live + span.never <= span.reserved,
      "written <= reserved");
  TESSERA_INVARIANT(span.workspace_used <= span.idle->workspace_idle &&
                        reserved <= span.idle->kv.free_usable + span.unguarded,
                    "no class of the ledger is negative");
  if (!span.is_summed()) {
    state_->steps.add(span);
    state_->usage.add(span);
  }
  if (state_->joint_peak) {
    state_->joint_peak->add(span);
  }
  if (state_->memory) {
    state_->memory->add(span);
  }
  if (state_->throughput) {
    state_->throughput->add_span(span);
  }
  if (state_->iteration_rows) {
    state_->iteration_rows->add(span);
  }
  if (state_->step_rows) {
    state_->step_rows->add(span);
  }
  if (state_->trace) {
    state_->trace->add(span);
  }
}

// request_kv.csv and free_runs.csv look into every step. A trace's events of several engines need
// their steps in order of time.
bool RunRecorder::takes_spans() const {
  const OutputSpec& output = state_->scenario.output;
  const bool traces_several = output.trace && state_->scenario.engine.parallel.replicas > 1;
  const bool looks_into_steps = output.request_kv || output.free_runs || traces_several;
  return !output.generation && (state_->folder == nullptr || !looks_into_steps);
}

bool RunRecorder::looks_into_spans() const {
  const State& state = *state_;
  return state.joint_peak || state.memory || state.throughput || state.iteration_rows;
}

Distribution* RunRecorder::gaps() {
  return &state_->steps.itl;
}

void RunRecorder::on_sums(const SpanSums& sums) {
  state_->steps.add(sums);
  state_->usage.add(sums);
}

bool RunRecorder::names_sequences() const {
  const OutputSpec& output = state_->scenario.output;
  return state_->folder != nullptr && (output.steps || output.trace);
}

void RunRecorder::on_request_end(const RequestRecord& record) {
  State& state = *state_;
  if (UsualRequest::is(record)) [[likely]] {
    const UsualRequest request(record);
    state.requests.add(request);
    if (state.request_rows) {
      state.request_rows->add(request);
    }
  } else {
    state.add_any(record);
  }
  if (state.throughput && record.status == RequestStatus::finished) {
    state.throughput->add_finished(record.engine, record.ended);
  }
  if (state.trace) {
    state.trace->add(record);
  }
}

void RunRecorder::on_request_kv(const RequestKvRecord& record) {
  TESSERA_INVARIANT(record.written <= record.reserved, "written <= reserved");
  if (state_->request_kv_rows) {
    state_->request_kv_rows->add(record);
  }
}

bool RunRecorder::wants_request_kv() const {
  return state_->folder != nullptr && state_->scenario.output.request_kv;
}

void RunRecorder::on_free_runs(const FreeRunsRecord& record) {
  if (state_->free_runs) {
    state_->free_runs->add(record);
  }
}

bool RunRecorder::wants_free_runs() const {
  return state_->folder != nullptr && state_->scenario.output.free_runs.has_value();
}

void RunRecorder::on_end(const RunEnd& end) {
  State& state = *state_;
  state.end = end;
  TESSERA_INVARIANT(state.requests.counts().ended() == end.source.requests,
                    "arrived = finished + rejected + cancelled + timed out + unfinished");
  TESSERA_INVARIANT(state.steps.iterations() == end.iterations, "every step is recorded");
  state.usage.finish(end.time);
  if (state.joint_peak) {
    state.joint_peak->finish();
  }
  state.close_files();
  state.write_series();
  Measured measured{state.node,
                    state.end,
                    state.requests,
                    state.steps,
                    state.usage,
                    state.joint_peak ? state.joint_peak->peak() : state.usage.peak_reserved(),
                    state.scenario.slo.has_value()};
  state.summary = make_summary(measured);
  state.json = make_summary_json(measured, state.summary, state.scenario.name);
}

const Summary& RunRecorder::summary() const {
  return state_->summary;
}

std::string RunRecorder::summary_csv() const {
  std::string header;
  std::string row;
  for (const SummaryCell& number : state_->summary) {
    header += (header.empty() ? "" : ",") + number.column;
    // Every row but the first cell's starts with a comma, also when the first cell is empty.
    row += (&number == state_->summary.data() ? "" : ",") + number.value;
  }
  return header + "\n" + row + "\n";
}

std::string RunRecorder::summary_json() const {
  return state_->json;
}

const Diagnostics& RunRecorder::notes() const {
  return state_->notes;
}

const NodeRecord& RunRecorder::node() const {
  return state_->node;
}

const std::vector<GenerationRow>& RunRecorder::generation() const {
  static const std::vector<GenerationRow> none;
  return state_->generation_rows ? state_->generation_rows->kept() : none;
}

}  // namespace tessera
