// What the processes of a sweep tell each other.
#pragma once

#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/study/sweep.hpp"

namespace tessera {

// A sweep, for processes that did not read the command line.
struct SweepJob {
  std::string scenario_text;
  std::string scenario_name;
  std::vector<Override> fixed;
  std::vector<AxisGroup> groups;
  std::int64_t num_points = 0;
  bool writes_files = false;
  std::string folder;
  SweepShard shard;
  std::vector<std::string> arguments;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& scenario_text& scenario_name& fixed& groups& num_points& writes_files& folder& shard&
        arguments;
  }
  // Relative file names start beside the scenario, whose name is its path.
  [[nodiscard]] SweepPlan plan() const {
    const std::string directory = std::filesystem::path(scenario_name).parent_path().string();
    return {ScenarioText(scenario_text, scenario_name, directory), fixed, groups, num_points};
  }
};

// From the leader: a sweep to work on, a point of it, or that there is nothing left to do.
struct SweepOrder {
  enum class Kind { begin, run, end };
  Kind kind = Kind::end;
  SweepJob job;            // of begin
  std::int64_t point = 0;  // of run

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& kind& job& point;
  }
};

// From a worker: a point's outcome, or why the whole sweep cannot go on.
struct SweepAnswer {
  PointOutcome outcome;
  std::string fatal;  // empty: none

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& outcome& fatal;
  }
};

}  // namespace tessera

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, tessera::Override& value, unsigned /*version*/) {
  archive& value.path& value.value;
}
template <class Archive>
void serialize(Archive& archive, tessera::Axis& value, unsigned /*version*/) {
  archive& value.path& value.values;
}
template <class Archive>
void serialize(Archive& archive, tessera::AxisGroup& value, unsigned /*version*/) {
  archive& value.axes;
}
template <class Archive>
void serialize(Archive& archive, tessera::SweepShard& value, unsigned /*version*/) {
  archive& value.number& value.count;
}
template <class Archive>
void serialize(Archive& archive, tessera::Place& value, unsigned /*version*/) {
  archive& value.file& value.line& value.column;
}
template <class Archive>
void serialize(Archive& archive, tessera::Diagnostic& value, unsigned /*version*/) {
  archive& value.severity& value.place& value.message;
}
template <class Archive>
void serialize(Archive& archive, tessera::SweepRow& value, unsigned /*version*/) {
  archive& value.point& value.status& value.reason& value.internal_error& value.summary;
}
template <class Archive>
void serialize(Archive& archive, tessera::PointOutcome& value, unsigned /*version*/) {
  archive& value.row& value.columns& value.problems& value.unreadable& value.notes& value.kept;
}

}  // namespace boost::serialization
