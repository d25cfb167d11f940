// Published end-to-end times of engines on one T4, and what Tessera says of each.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/cost/engine_overheads.hpp"

namespace tessera::truth {

struct PublishedRow {
  int id = 0;
  std::string engine;       // the preset of overheads that stands for it
  std::string what;         // "BERT-base fp16 8 x 384"
  bool calibrates = false;  // marked so, or one of AWQ's prefills that stand in for it
  double measured = 0.0;
  double predicted = 0.0;
  std::string unit;
  std::string left_out;  // why it is not simulated; empty: it is
  std::string cause;     // of an error above 35 %

  [[nodiscard]] double error() const { return predicted / measured - 1.0; }
};

using OverheadsOf = std::function<EngineOverheads(std::string_view)>;

// Every row of the table about time, in its order, as engines with these constants have it on this
// T4. `file` is t4_published.csv.
[[nodiscard]] std::vector<PublishedRow> read_published(
    const std::string& file, const OverheadsOf& overheads = overheads_preset,
    const GpuSpec& gpu = gpu_preset("t4"));

}  // namespace tessera::truth
