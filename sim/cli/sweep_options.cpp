#include "sim/cli/sweep_options.hpp"

#include <algorithm>
#include <thread>

namespace tessera {
namespace {

constexpr std::int64_t most_threads = 1024;

}  // namespace

void add_axis_options(VerbOptions& options) {
  options
      .repeatable("vary", "PATH=V1,V2",
                  "an axis: a path and its values, split at commas outside brackets")
      .repeatable("zip", "PATH=V1,V2;PATH=W1,W2",
                  "paths that take their values side by side, split at semicolons");
}

std::vector<AxisGroup> varied_axes(const GivenOptions& given) {
  std::vector<AxisGroup> groups;
  for (const std::string& text : given.texts("vary")) {
    groups.push_back({{parse_axis(text)}});
  }
  for (const std::string& text : given.texts("zip")) {
    groups.push_back(parse_zip(text));
  }
  return groups;
}

std::int64_t jobs_of(const GivenOptions& given) {
  const auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  return given.number("jobs", 1, most_threads).value_or(cores);
}

}  // namespace tessera
