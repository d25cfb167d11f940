// The histogram of a KV pool's free runs: free_runs.csv of runs whose holes are easily told.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sim/metrics/free_run_series.hpp"
#include "tessera/memory/kv_cache.hpp"
#include "tessera/metrics/run_recorder.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

using namespace literals;

SimTime at(std::int64_t milliseconds) {
  return SimTime::at(Duration::milliseconds(milliseconds));
}

TEST(FreeRunSeries, CountsRunsByPowersOfTwoAsOfEveryInstant) {
  const TemporaryFolder folder;
  FreeRunSeries series(Duration::milliseconds(10));
  series.add({.time = at(0), .runs = std::vector<Bytes>{100_bytes}});
  const std::vector<Bytes> holes{3_bytes, 2_bytes, 64_bytes, 127_bytes, 128_bytes};
  series.add({.time = at(4), .runs = holes});
  series.add({.time = at(10), .runs = {}});
  series.add({.time = at(10), .runs = holes});
  series.add({.time = at(15), .runs = {}});
  series.finish(at(20));
  series.write(folder.path());
  EXPECT_EQ(text_of(folder.path() / "free_runs.csv"),
            "time_s,engine,at_least_bytes,num_runs,free_bytes\n"
            "0,0,64,1,100\n"
            "0.01,0,2,2,5\n"
            "0.01,0,64,2,191\n"
            "0.01,0,128,1,128\n");
}

TEST(FreeRunSeries, WidensWhereThereWouldBeTooManyRows) {
  const TemporaryFolder folder;
  FreeRunSeries series(Duration::milliseconds(1));
  const std::vector<Bytes> two{1_bytes, 2_bytes};
  series.add({.time = at(0), .runs = two});
  series.finish(at(11'999));
  EXPECT_EQ(series.every(), Duration::milliseconds(4));
  series.write(folder.path());
  const std::string text = text_of(folder.path() / "free_runs.csv");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 2 * 3000);
}

TEST(FreeRuns, HolesBetweenReservationsAreRunsOfTheirOwn) {
  KvPool pool{.bytes = 1000_bytes, .bytes_per_token = 10_bytes, .max_model_len = 100_tokens};
  const auto kv = make_kv_cache(
      ContiguousKvSpec{.reserve = Reserve::oracle, .placement = Placement::first_fit}, pool);
  KvWork work;
  for (std::uint32_t id = 0; id < 4; ++id) {
    KvSequence sequence;
    sequence.id = SequenceId{id};
    sequence.prompt = 10_tokens;
    sequence.output = 10_tokens;
    ASSERT_EQ(kv->admit(sequence, {.entries = 10_tokens}, work), Grant::ok);
  }
  kv->release(SequenceId{0});
  kv->release(SequenceId{2});
  EXPECT_EQ(kv->free_runs(), (std::vector<Bytes>{200_bytes, 200_bytes, 200_bytes}));
  kv->release(SequenceId{1});
  EXPECT_EQ(kv->free_runs(), (std::vector<Bytes>{600_bytes, 200_bytes}));
}

TEST(FreeRuns, BlocksThatServeAnyoneAreOneRun) {
  KvPool pool{.bytes = 1000_bytes, .bytes_per_token = 1_bytes, .max_model_len = 100_tokens};
  EXPECT_EQ(make_kv_cache(PagedKvSpec{}, pool)->free_runs(), std::vector<Bytes>{Bytes{62 * 16}});
}

// Two reservations of 20 and 30 slots in a pool of 100: while both run, one run of 50 is left.
TEST(FreeRuns, ARunWritesThemWhereItsScenarioAsks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = OrcaSpec{};
  scenario.engine.kv_cache =
      ContiguousKvSpec{.reserve = Reserve::oracle, .placement = Placement::first_fit};
  scenario.engine.memory.kv_cache_memory = 256_bytes * 100;
  scenario.output.free_runs = SeriesSpec{.every = Duration::milliseconds(20)};
  const TemporaryFolder place;
  OutputFolder folder(place.path() / "out", IfExists::refuse);
  RunRecorder recorder(scenario, &folder);
  EXPECT_TRUE(recorder.wants_free_runs());
  EXPECT_FALSE(recorder.takes_spans());
  run_listed(scenario,
             {a_request(0, {}, 15_tokens, 5_tokens), a_request(1, {}, 20_tokens, 10_tokens)},
             recorder);
  const std::string text = text_of(folder.staging() / "free_runs.csv");
  EXPECT_NE(text.find("\n0.02,0,8192,1,12800\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace tessera
