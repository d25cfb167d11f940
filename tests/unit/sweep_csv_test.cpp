// The text of a sweep's summary.csv and of its table over seeds.

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/study/seeds.hpp"
#include "tessera/study/sweep.hpp"

namespace tessera {
namespace {

SweepPlan two_points() {
  const Axis axis{"engine.kv_cache", {"{kind: paged}", "{kind: contiguous, reserve: max}"}};
  return {ScenarioText("model: gpt2\n", "s.yaml", ""), {}, {{{axis}}}, 2};
}

SweepRow done(std::int64_t point, std::string summary) {
  return {point, PointStatus::done, "", false, std::move(summary)};
}

TEST(SweepCsv, ValuesWithCommasAreQuoted) {
  EXPECT_EQ(sweep_csv(two_points(), {"a,b", {done(0, "1,"), done(1, "2,x")}}),
            "point,engine.kv_cache,status,reason,a,b\n"
            "0000,{kind: paged},done,,1,\n"
            "0001,\"{kind: contiguous, reserve: max}\",done,,2,x\n");
}

TEST(SweepCsv, APointThatFailedKeepsItsColumnsEmpty) {
  const SweepRow failed{0, PointStatus::failed, "it said \"no\", twice", false, ""};
  EXPECT_EQ(sweep_csv(two_points(), {"a,b", {failed, done(1, "2,x")}}),
            "point,engine.kv_cache,status,reason,a,b\n"
            "0000,{kind: paged},failed,\"it said \"\"no\"\", twice\",,\n"
            "0001,\"{kind: contiguous, reserve: max}\",done,,2,x\n");
}

TEST(SweepCsv, WithoutAPointThatRanThereAreNoColumns) {
  SweepRows table{"", std::vector<SweepRow>(2)};
  table.rows[1].point = 1;
  EXPECT_EQ(sweep_csv(two_points(), table),
            "point,engine.kv_cache,status,reason\n"
            "0000,{kind: paged},failed,\n"
            "0001,\"{kind: contiguous, reserve: max}\",failed,\n");
}

TEST(SweepCsv, ARowIsReadBackAsItsNumbers) {
  const SweepRows table{"a,b,c", {done(0, "1,,\"x, y\"")}};
  const Summary summary = summary_of(table, table.rows.front());
  ASSERT_EQ(summary.size(), 3U);
  EXPECT_EQ(cell(summary, "a"), "1");
  EXPECT_EQ(cell(summary, "b"), "");
  EXPECT_EQ(cell(summary, "c"), "x, y");
}

TEST(SweepPlan, SettingsNameEveryAxisAndTheLastGroupChangesFastest) {
  const ScenarioText text("model: gpt2\n", "s.yaml", "");
  const AxisGroup zipped{{{"seed", {"1", "2"}}, {"workload.requests", {"10", "20"}}}};
  const AxisGroup limit{{{"engine.policy.max_num_seqs", {"4", "8", "16"}}}};
  const SweepPlan plan = plan_sweep(text, {}, std::vector{zipped, limit});
  EXPECT_EQ(plan.num_points, 6);
  EXPECT_EQ(point_settings(plan, 4), "seed=2, workload.requests=20, engine.policy.max_num_seqs=8");
  EXPECT_EQ(point_id(plan, 4), "0004");
}

TEST(SweepPlan, ShardsPartitionThePoints) {
  const ScenarioText text("model: gpt2\n", "s.yaml", "");
  const SweepPlan plan = plan_sweep(text, {}, std::vector{AxisGroup{{parse_axis("seed=1..23")}}});
  std::vector<std::int64_t> seen(23);
  for (std::int64_t shard = 1; shard <= 4; ++shard) {
    for (const std::int64_t point : points_of(plan, {shard, 4})) {
      ++seen[static_cast<std::size_t>(point)];
    }
  }
  EXPECT_EQ(seen, std::vector<std::int64_t>(23, 1));
  for (const char* bad : {"", "3", "0/4", "5/4", "1/0", "1/2/3", "a/b", "-1/2", "1/ 2"}) {
    EXPECT_THROW((void)parse_shard(bad), WrongUsage) << bad;
  }
}

// Student's t for 2 and 1 degrees of freedom at 95 %: 4.302652729911275 and 12.706204736174698
// (any table of the distribution).
TEST(SeedsTable, HoldsMeansAndConfidenceIntervals) {
  const auto table = seeds_table(
      "point,x,seed,status,reason,n,word,other\n"
      "0000,1,5,done,,2,same,a\n"
      "0001,1,6,done,,4,same,b\n"
      "0002,1,7,done,,9,same,a\n"
      "0003,2,5,done,,3,same,a\n"
      "0004,2,6,failed,\"why, so\",,,\n"
      "0005,2,7,done,,5,same,a\n"
      "0006,3,5,failed,no,,,\n"
      "0007,3,6,failed,no,,,\n"
      "0008,3,7,done,,,,\n");
  ASSERT_TRUE(table);
  ASSERT_EQ(table->axes, std::vector<std::string>{"x"});
  ASSERT_EQ(table->rows.size(), 3U);
  const SeedsRow& first = table->rows[0];
  EXPECT_EQ(first.num_seeds, 3);
  EXPECT_EQ(first.num_failed, 0);
  EXPECT_EQ(first.cells[0].mean, "5");
  EXPECT_NEAR(std::stod(first.cells[0].half_width),
              4.302652729911275 * std::sqrt(13.0) / std::sqrt(3.0), 1e-9);
  EXPECT_EQ(first.cells[1].mean, "same");
  EXPECT_EQ(first.cells[2].mean, "") << "the seeds do not agree";
  const SeedsRow& second = table->rows[1];
  EXPECT_EQ(second.num_failed, 1);
  EXPECT_EQ(second.cells[0].mean, "4");
  EXPECT_NEAR(std::stod(second.cells[0].half_width), 12.706204736174698, 1e-9);
  const SeedsRow& third = table->rows[2];
  EXPECT_EQ(third.cells[0].mean, "");
  EXPECT_EQ(third.cells[0].half_width, "");
  EXPECT_EQ(seeds_csv(*table).substr(0, seeds_csv(*table).find('\n')),
            "x,num_seeds,num_failed,n,n_ci95,word,other");
}

TEST(SeedsTable, NeedsSeveralSeeds) {
  EXPECT_FALSE(seeds_table("point,x,status,reason,n\n0000,1,done,,2\n0001,2,done,,2\n"));
  EXPECT_FALSE(seeds_table("point,seed,status,reason,n\n0000,1,done,,2\n"));
}

}  // namespace
}  // namespace tessera
