#include "sim/metrics/perfetto_trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <random>
#include <sstream>

#include "tessera/config/load.hpp"
#include "tessera/metrics/output_folder.hpp"
#include "tessera/study/run.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

SimTime at_us(std::int64_t n) {
  return SimTime::at(Duration::microseconds(n));
}

TEST(TraceLanes, NeverHoldTwoAtOnce) {
  std::mt19937 random(7);
  std::vector<std::pair<std::int64_t, std::int64_t>> intervals;
  for (int i = 0; i < 2'000; ++i) {
    const auto begin = static_cast<std::int64_t>(random() % 10'000);
    intervals.emplace_back(begin + static_cast<std::int64_t>(random() % 300), begin);
  }
  std::sort(intervals.begin(), intervals.end());
  TraceLanes lanes;
  std::map<std::size_t, std::int64_t> busy_until;
  for (const auto& [end, begin] : intervals) {
    const std::size_t lane = lanes.place(at_us(begin), at_us(end));
    EXPECT_LE(busy_until[lane], begin);
    busy_until[lane] = end;
  }
  EXPECT_EQ(busy_until.size(), lanes.size());
  EXPECT_LT(lanes.size(), 120U);  // some 30 at once on average
}

TEST(TraceLanes, UseALaneAgainThatIsFreeSinceTheSameInstant) {
  TraceLanes lanes;
  EXPECT_EQ(lanes.place(at_us(0), at_us(5)), 0U);
  EXPECT_EQ(lanes.place(at_us(5), at_us(9)), 0U);
  EXPECT_EQ(lanes.place(at_us(4), at_us(9)), 1U);
}

// Events of a run, by phase.
class PerfettoTraceOfARun : public ::testing::Test {
 protected:
  void SetUp() override {
    const ScenarioText text(
        "model: opt-125m\nhardware: {gpu: t4}\nworkload: {requests: 40}\n"
        "output: {trace: true}\n",
        "s.yaml", "");
    OutputFolder output(folder_.path() / "run", IfExists::refuse);
    summary_ = run_scenario(text.load({}), &output, {}).summary;
    output.commit();
    std::ifstream file(folder_.path() / "run" / "trace.json");
    std::ostringstream json;
    json << file.rdbuf();
    const boost::json::value trace = boost::json::parse(json.str());
    for (const boost::json::value& event : trace.at("traceEvents").as_array()) {
      events_[std::string(event.at("ph").as_string())].push_back(event.as_object());
    }
  }

  [[nodiscard]] std::string summary(const std::string& column) const {
    for (const SummaryCell& cell : summary_) {
      if (cell.column == column) {
        return cell.value;
      }
    }
    return {};
  }

  TemporaryFolder folder_;
  Summary summary_;
  std::map<std::string, std::vector<boost::json::object>> events_;
};

TEST_F(PerfettoTraceOfARun, HoldsEveryStepAndEveryRequestOnce) {
  std::size_t steps = 0;
  std::map<std::string, int> requests;
  for (const boost::json::object& slice : events_["X"]) {
    const std::string name(slice.at("name").as_string());
    steps += slice.at("tid").to_number<int>() == 1 ? 1 : 0;
    if (name.starts_with("request ")) {
      ++requests[name];
    }
  }
  EXPECT_EQ(std::to_string(steps), summary("num_iterations"));
  EXPECT_EQ(requests.size(), 40U);
  EXPECT_TRUE(std::all_of(requests.begin(), requests.end(),
                          [](const auto& request) { return request.second == 1; }));
}

TEST_F(PerfettoTraceOfARun, NestsTheSlicesOfEveryTrack) {
  std::map<int, std::vector<std::pair<double, double>>> tracks;
  for (const boost::json::object& slice : events_["X"]) {
    const double begin = slice.at("ts").to_number<double>();
    tracks[slice.at("tid").to_number<int>()].emplace_back(
        begin, begin + slice.at("dur").to_number<double>());
  }
  for (auto& [track, slices] : tracks) {
    std::sort(slices.begin(), slices.end(), [](const auto& a, const auto& b) {
      return a.first < b.first || (a.first == b.first && a.second > b.second);
    });
    std::vector<double> open;
    for (const auto& [begin, end] : slices) {
      while (!open.empty() && open.back() <= begin + 1e-6) {
        open.pop_back();
      }
      EXPECT_TRUE(open.empty() || end <= open.back() + 1e-6) << track << " at " << begin;
      open.push_back(end);
    }
  }
}

TEST_F(PerfettoTraceOfARun, CountsQueuesAndMemoryAndNamesTheTracks) {
  std::map<std::string, int> counters;
  for (const boost::json::object& counter : events_["C"]) {
    ++counters[std::string(counter.at("name").as_string())];
  }
  EXPECT_GT(counters["requests"], 40);
  EXPECT_GT(counters["KV cache (bytes)"], 40);
  std::vector<std::string> names;
  for (const boost::json::object& name : events_["M"]) {
    names.emplace_back(name.at("args").at("name").as_string());
  }
  EXPECT_EQ(names.at(0), "engine 0");
  EXPECT_EQ(names.at(1), "steps");
  EXPECT_EQ(names.at(2), "requests, lane 1");
}

}  // namespace
}  // namespace tessera
