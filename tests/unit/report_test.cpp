#include "tessera/report/report.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "sim/report/decimation.hpp"
#include "sim/report/page_data.hpp"
#include "sim/report/series_data.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

TEST(RowsToShow, KeepAllOfAShortSeries) {
  EXPECT_EQ(rows_to_show(3, 3, {}), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_TRUE(rows_to_show(0, 3, {}).empty());
}

TEST(RowsToShow, KeepEveryStretchesExtremes) {
  std::vector<double> spikes(10'000, 1.0);
  std::vector<double> dips(10'000, 5.0);
  for (std::size_t i = 7; i < spikes.size(); i += 501) {
    spikes[i] = 100.0 + static_cast<double>(i);
    dips[i + 3] = -static_cast<double>(i);
  }
  const std::vector<const std::vector<double>*> columns{&spikes, &dips};
  const std::vector<std::size_t> kept = rows_to_show(spikes.size(), 500, columns);
  EXPECT_LE(kept.size(), 501U);
  EXPECT_EQ(kept.front(), 0U);
  EXPECT_EQ(kept.back(), spikes.size() - 1);
  for (std::size_t i = 7; i < spikes.size(); i += 501) {
    EXPECT_TRUE(std::binary_search(kept.begin(), kept.end(), i)) << i;
    EXPECT_TRUE(std::binary_search(kept.begin(), kept.end(), i + 3)) << i;
  }
}

TEST(IterationStrip, SharesTheTimeOfStepsBetweenTheStretchesThatTheyLieIn) {
  const TemporaryFolder folder;
  write(folder.path() / "iterations.csv",
        "engine,start_s,end_s,prefill_tokens,decode_tokens\n0,0,30,5,0\n0,45,60,0,3\n");
  const boost::json::object strip = iteration_strip(folder.path() / "iterations.csv");
  const auto sum = [&](const char* name) {
    double total = 0;
    for (const boost::json::value& share : strip.at(name).as_array()) {
      total += share.to_number<double>();
    }
    return total * 60 / 600;
  };
  EXPECT_NEAR(sum("prefill"), 30, 1e-6);
  EXPECT_NEAR(sum("decode"), 15, 1e-6);
}

TEST(Report, CarriesTheRowsOfASweepAndNothingThatEndsItsData) {
  const TemporaryFolder folder;
  write(folder.path() / "summary.csv",
        "point,engine.kv_cache,status,reason,request_throughput\n"
        "0000,\"{kind: paged, a: 1}\",done,,1.5\n0001,</script>,failed,too big,\n");
  const boost::json::object data = page_data(folder.path(), {});
  EXPECT_EQ(data.at("kind").as_string(), "sweep");
  EXPECT_EQ(boost::json::serialize(data.at("axes")), R"(["engine.kv_cache"])");
  EXPECT_EQ(boost::json::serialize(data.at("points").at("request_throughput")), "[1.5E0,null]");
  const std::string page = make_report(folder.path());
  EXPECT_EQ(page.find("</script>,"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'; script-src 'sha256-"), std::string::npos);
  EXPECT_EQ(page.find('@'), page.find("@media"));  // every place is filled
}

TEST(Report, RefusesAFolderWithoutResults) {
  const TemporaryFolder folder;
  EXPECT_THROW(static_cast<void>(make_report(folder.path())), UnreadableFile);
  write(folder.path() / "summary.csv", "point,request_throughput\n0000,1\n");
  EXPECT_THROW(static_cast<void>(make_report(folder.path())), BadInput);
}

}  // namespace
}  // namespace tessera
