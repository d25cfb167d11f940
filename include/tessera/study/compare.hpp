// What differs between two runs, and where their time and bytes went.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/spec.hpp"

namespace tessera {

// scenario: the resolved settings. result: the numbers of the summary. time: what a mean finished
// request spent its time on. steps: the shares of what bounds the steps. memory: mean bytes of the
// device by class.
enum class ComparedPart { scenario, result, time, steps, memory };
template <>
struct EnumNames<ComparedPart> {
  static constexpr std::array<std::string_view, 5> names{"scenario", "result", "time", "steps",
                                                         "memory"};
};

struct Compared {
  ComparedPart part = ComparedPart::scenario;
  std::string name;  // a path of the scenario, or a column of the summary
  std::string a;     // as the files hold it; empty: not there, or undefined
  std::string b;
  std::optional<double> difference;  // b - a, where both are numbers
  std::optional<double> ratio;       // b / a, where a is not zero
};

struct Comparison {
  // Settings that differ; every column of the parts time, steps and memory; the other columns of
  // the summary.
  std::vector<Compared> rows;
};

// Reads the folders of two runs (the points of sweeps are such, too). Throws UnreadableFile for a
// folder without a run's files, BadInput for files that are none of ours.
[[nodiscard]] Comparison compare_runs(const std::filesystem::path& a,
                                      const std::filesystem::path& b);

// part, name, a, b, difference, ratio: a row each.
[[nodiscard]] std::string comparison_csv(const Comparison& comparison);

}  // namespace tessera
