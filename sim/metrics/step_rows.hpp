// steps.csv: a row a step.
#pragma once

#include <filesystem>
#include <string>

#include "tessera/engine/recorder.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

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
