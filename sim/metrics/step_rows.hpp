// steps.csv: a row a step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "sim/metrics/in_time_order.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

enum class EngineColumn { absent, last };

// What each step decided, in the columns of step traces recorded from real engines: lists are
// separated by ';', an entry is id:tokens:kind with p for prefill and d for decode (x for a row of
// a static batch whose request has ended), times have at least seven decimals.
// Rows are in order of the steps' ends, at one moment by engine.
class StepRows {
 public:
  // `engines` whose spans may overlap, so that rows wait for those of other engines; none where
  // records come in the order of the rows.
  StepRows(const std::filesystem::path& folder, EngineColumn engine_column,
           std::int64_t overlapping_engines);
  void add(const StepRecord& record);
  // A row for every step of the span. Precondition: it names its sequences.
  void add(const SpanRecord& span);
  // The engine has told of all its steps that end up to `time`.
  void know_until(EngineId engine, SimTime time);
  void close();

 private:
  // Its text is made while the sequences are known.
  struct Row {
    SimTime time;
    std::string text;
    [[nodiscard]] SimTime end() const { return time; }
    bool next() { return false; }
  };
  // What is scheduled is told by `scheduled_`.
  void write(const StepRecord& record);
  void append(std::string& row, const StepRecord& record) const;

  RowWriter file_;
  std::optional<InTimeOrder<Row>> in_order_;  // where spans overlap
  std::string scheduled_;
  EngineColumn engine_column_;
};

}  // namespace tessera
