// tessera report as a user calls it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::HasSubstr;

Finished run_into(const Workplace& place, const std::string& folder) {
  return place.run({"run", "--gpu", "t4", "--model", "opt-125m", "--set", "workload.requests=5",
                    "-o", folder, "--quiet"});
}

TEST(CliReport, WritesThePageBesideTheFilesAndAgainIntoItsPlace) {
  const Workplace place;
  ASSERT_EQ(run_into(place, "a").status, 0);
  const Finished first = place.run({"report", "a"});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(first.out, "The report is a/report.html\n");
  const std::string page = place.read("a/report.html");
  EXPECT_THAT(page, HasSubstr("<!doctype html>"));
  EXPECT_EQ(place.run({"report", "a", "--quiet"}).out, "");
  EXPECT_EQ(place.read("a/report.html"), page);
}

TEST(CliReport, LeavesAFileThatWasNamedAlone) {
  const Workplace place;
  ASSERT_EQ(run_into(place, "a").status, 0);
  place.write("page.html", "mine");
  EXPECT_EQ(place.run({"report", "a", "-o", "page.html"}).status, 73);
  EXPECT_EQ(place.read("page.html"), "mine");
  EXPECT_EQ(place.run({"report", "a", "-o", "page.html", "--force"}).status, 0);
  EXPECT_EQ(place.run({"report", "a", "-o", "no/such/place.html"}).status, 74);
}

TEST(CliReport, SaysWhatAFolderLacks) {
  const Workplace place;
  const Finished none = place.run({"report", "nowhere"});
  EXPECT_EQ(none.status, 66);
  EXPECT_THAT(none.err, HasSubstr("there is no summary.csv"));
  ASSERT_EQ(run_into(place, "a").status, 0);
  place.write("a/timeseries.csv", "time_s,engine\nsoon,0\n");
  const Finished bad = place.run({"report", "a"});
  EXPECT_EQ(bad.status, 65);
  EXPECT_THAT(bad.err, HasSubstr("timeseries.csv:2: error: 'soon' is no number"));
}

}  // namespace
}  // namespace tessera::test
