// tessera compare: what differs, in the scenarios, the numbers, the time and the bytes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CliCompare : public ::testing::Test {
 protected:
  CliCompare() {
    place.write("small.yaml", small_scenario());
    for (const auto& [limit, folder] : {std::pair("8", "a"), std::pair("1", "b")}) {
      const Finished run = place.run({"run", "small.yaml", "-o", folder, "--set",
                                      std::string("engine.policy.max_num_seqs=") + limit});
      EXPECT_EQ(run.status, 0) << run.err;
    }
  }
  // Rows of the CSV of one part, as {name, a, b, difference, ratio}.
  std::vector<std::vector<std::string>> rows(const std::string& csv, const std::string& part) {
    std::vector<std::vector<std::string>> found;
    std::istringstream stream(csv);
    for (std::string line; std::getline(stream, line);) {
      if (line.starts_with(part + ",")) {
        found.emplace_back();
        std::istringstream cells(line.substr(part.size() + 1) + ",");
        for (std::string cell; std::getline(cells, cell, ',');) {
          found.back().push_back(cell);
        }
      }
    }
    return found;
  }
  Workplace place;
};

TEST_F(CliCompare, SettingsThatDifferComeFirst) {
  const Finished table = place.run({"compare", "a", "b"});
  ASSERT_EQ(table.status, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(StartsWith("A is a, B is b\n"),
                               HasSubstr("  engine.policy.max_num_seqs   8  1\n"),
                               HasSubstr("  mean_ttft_ms"), HasSubstr("  mean_queued_slot_ms"),
                               HasSubstr("most of the change: queued_slot +")));
  EXPECT_THAT(table.out, Not(HasSubstr("engine.policy.kind"))) << "it does not differ";
}

TEST_F(CliCompare, TheCsvHasEveryNumberAndItsDifference) {
  const Finished csv = place.run({"compare", "a", "b", "--format", "csv"});
  ASSERT_EQ(csv.status, 0) << csv.err;
  EXPECT_THAT(csv.out, StartsWith("part,name,a,b,difference,ratio\n"
                                  "scenario,engine.policy.max_num_seqs,8,1,-7,0.125\n"));
  EXPECT_EQ(rows(csv.out, "scenario").size(), 1U);
  // The phases of a mean request sum to its latency, and so do their differences.
  double phases = 0.0;
  for (const auto& row : rows(csv.out, "time")) {
    phases += std::stod(row[3]);
  }
  double latency = 0.0;
  for (const auto& row : rows(csv.out, "result")) {
    latency = row[0] == "mean_e2el_ms" ? std::stod(row[3]) : latency;
  }
  EXPECT_GT(latency, 1.0);
  EXPECT_NEAR(phases, latency, 1e-6);
  // The classes of memory sum to the same capacity: the bytes moved from one to another.
  double bytes = 0.0;
  for (const auto& row : rows(csv.out, "memory")) {
    bytes += std::stod(row[3]);
  }
  EXPECT_NEAR(bytes, 0.0, 20.0) << "each mean is rounded to a byte";
}

TEST_F(CliCompare, EqualRunsDifferInNothing) {
  const Finished same = place.run({"compare", "a", "a"});
  EXPECT_EQ(same.status, 0);
  EXPECT_THAT(same.out, AllOf(HasSubstr("What differs in the scenarios: nothing\n"),
                              HasSubstr("What came of it: the same numbers\n")));
}

TEST_F(CliCompare, WrongFoldersAreRefusedWithAHint) {
  EXPECT_EQ(place.run({"compare", "a"}).status, 64);
  EXPECT_EQ(place.run({"compare", "a", "b", "--format", "xml"}).status, 64);
  EXPECT_EQ(place.run({"compare", "a", "nowhere"}).status, 66);
  ASSERT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=1,2", "-o", "s"}).status, 0);
  const Finished sweep = place.run({"compare", "a", "s"});
  EXPECT_EQ(sweep.status, 66);
  EXPECT_THAT(sweep.err, HasSubstr("compare two of its points, such as s/runs/0000"));
  EXPECT_EQ(place.run({"compare", "s/runs/0000", "s/runs/0001"}).status, 0);
}

}  // namespace
}  // namespace tessera::test
