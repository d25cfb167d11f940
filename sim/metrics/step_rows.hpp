// iterations.csv and steps.csv: a row a step.
#pragma once

#include <filesystem>
#include <string>

#include "tessera/engine/recorder.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

// How large each step was, and where its time went. num_running and num_waiting are those while it
// ran: after its admissions and preemptions; free_blocks likewise.
class IterationRows {
 public:
  explicit IterationRows(const std::filesystem::path& folder);
  void add(const StepRecord& record);
  // A row for every step of the span.
  void add(const SpanRecord& span);
  void close() { file_.close(); }

 private:
  RowWriter file_;
};

enum class EngineColumn { absent, last };

// What each step decided, in the columns of step traces recorded from real engines: lists are
// separated by ';', an entry is id:tokens:kind with p for prefill and d for decode (x for a row of
// a static batch whose request has ended), times have at least seven decimals.
class StepRows {
 public:
  StepRows(const std::filesystem::path& folder, EngineColumn engine_column);
  void add(const StepRecord& record);
  void close() { file_.close(); }

 private:
  RowWriter file_;
  EngineColumn engine_column_;
};

}  // namespace tessera
