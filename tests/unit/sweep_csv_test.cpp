// The text of a sweep's summary.csv.

#include <gtest/gtest.h>

#include "tessera/study/sweep.hpp"

namespace tessera {
namespace {

SweepPlan two_points() {
  SweepPlan plan;
  plan.axes = {{"engine.kv_cache", {"{kind: paged}", "{kind: contiguous, reserve: max}"}}};
  for (const std::string& value : plan.axes.front().values) {
    SweepPoint point;
    point.id = "000" + std::to_string(plan.points.size());
    point.values = {value};
    plan.points.push_back(std::move(point));
  }
  return plan;
}

SweepRow done(Summary summary) {
  SweepRow row;
  row.status = PointStatus::done;
  row.summary = std::move(summary);
  return row;
}

TEST(SweepCsv, ValuesWithCommasAreQuoted) {
  const SweepPlan plan = two_points();
  const std::vector<SweepRow> rows{done({{"a", "1"}, {"b", ""}}), done({{"a", "2"}, {"b", "x"}})};
  EXPECT_EQ(sweep_csv(plan, rows),
            "point,engine.kv_cache,status,reason,a,b\n"
            "0000,{kind: paged},done,,1,\n"
            "0001,\"{kind: contiguous, reserve: max}\",done,,2,x\n");
}

TEST(SweepCsv, APointThatFailedKeepsItsColumnsEmpty) {
  const SweepPlan plan = two_points();
  SweepRow failed;
  failed.reason = "it said \"no\", twice";
  const std::vector<SweepRow> rows{failed, done({{"a", "2"}, {"b", "x"}})};
  EXPECT_EQ(sweep_csv(plan, rows),
            "point,engine.kv_cache,status,reason,a,b\n"
            "0000,{kind: paged},failed,\"it said \"\"no\"\", twice\",,\n"
            "0001,\"{kind: contiguous, reserve: max}\",done,,2,x\n");
}

TEST(SweepCsv, WithoutAPointThatRanThereAreNoColumns) {
  const SweepPlan plan = two_points();
  EXPECT_EQ(sweep_csv(plan, std::vector<SweepRow>(2)),
            "point,engine.kv_cache,status,reason\n"
            "0000,{kind: paged},failed,\n"
            "0001,\"{kind: contiguous, reserve: max}\",failed,\n");
}

TEST(SweepCsv, SettingsNameEveryAxis) {
  SweepPlan plan = two_points();
  plan.axes.push_back({"seed", {"7"}});
  plan.points.front().values.emplace_back("7");
  EXPECT_EQ(settings_of(plan, plan.points.front()), "engine.kv_cache={kind: paged}, seed=7");
}

}  // namespace
}  // namespace tessera
