// Everything that is measured of a run: the files of its folder, and its summary.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/metrics/generation.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

// One number of a summary: its column and its text as CSV holds it (empty: undefined).
struct SummaryCell {
  std::string column;
  std::string value;
};
// In the order of summary.csv; the same columns for every run.
using Summary = std::vector<SummaryCell>;

// The text of one cell. Precondition: the column exists.
[[nodiscard]] const std::string& cell(const Summary& summary, std::string_view column);

// Records a run. With a folder it writes requests.csv, timeseries.csv, memory.csv and, when asked
// for, iterations.csv, steps.csv, request_kv.csv and free_runs.csv as the run goes; without one it
// keeps only what the summary needs. Every event is checked against the invariants (conservation of
// requests, arrival <= scheduled <= first token <= finished, written <= reserved, the ledger's
// sum).
class RunRecorder final : public Recorder {
 public:
  // `folder` may be null. Keeps references to both.
  RunRecorder(const Scenario& scenario, const OutputFolder* folder);
  ~RunRecorder() override;

  void on_start(const NodeRecord& record) override;
  void on_step(const StepRecord& record) override;
  void on_usage(const UsageRecord& record) override;
  void on_span(const SpanRecord& span) override;
  [[nodiscard]] bool takes_spans() const override;
  [[nodiscard]] bool looks_into_spans() const override;
  [[nodiscard]] Distribution* gaps() override;
  void on_sums(const SpanSums& sums) override;
  [[nodiscard]] bool names_sequences() const override;
  void on_request_end(const RequestRecord& record) override;
  void on_request_kv(const RequestKvRecord& record) override;
  [[nodiscard]] bool wants_request_kv() const override;
  void on_free_runs(const FreeRunsRecord& record) override;
  [[nodiscard]] bool wants_free_runs() const override;
  void on_end(const RunEnd& end) override;

  // After on_end(): the numbers of the run, and summary.csv and summary.json as text.
  [[nodiscard]] const Summary& summary() const;
  [[nodiscard]] std::string summary_csv() const;
  [[nodiscard]] std::string summary_json() const;
  // What a user should hear (a series whose interval was widened).
  [[nodiscard]] const Diagnostics& notes() const;
  [[nodiscard]] const NodeRecord& node() const;
  // The first steps of the generation loop, where the scenario asks for them.
  [[nodiscard]] const std::vector<GenerationRow>& generation() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
