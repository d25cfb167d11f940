// Every data set of times in one table, truth_report.csv: what the shipped presets say, fitted and
// held out. The presets are made again from their settings and compared.
#include "tests/truth/truth_report.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tessera/config/calibration.hpp"
#include "tessera/config/load.hpp"
#include "tessera/study/calibrate.hpp"
#include "tests/truth/t4_profiled.hpp"
#include "tests/truth/t4_published.hpp"
#include "tests/truth/vllm_server.hpp"

namespace tessera::truth {
namespace {

const std::string data = TESSERA_DATA_DIR;
const std::string sources = TESSERA_SOURCE_DIR;

bool is_skipped() {
  if (data.empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so times were not compared with measured ones");
  }
  return data.empty();
}

Calibration calibrated(const std::string& card, const std::string& table) {
  return calibrate(read_calibration_settings(sources + "/scenarios/calibration/" + card + ".yaml"),
                   data + "/measured/" + table);
}

const Calibration& t4() {
  static const Calibration result = calibrated("t4", "t4_kernels/llama-2-7b.csv");
  return result;
}
const Calibration& h200() {
  static const Calibration result = calibrated("h200", "h200_hf_step_times.csv");
  return result;
}

TruthRow row_of(const Calibration& calibration, const std::string& data_set,
                const std::string& name, const std::set<std::string>& quantities,
                const std::string& part) {
  TruthRow row{data_set, name, part, {}};
  for (const FittedPoint& point : calibration.points) {
    if (quantities.contains(point.quantity) && point.part == part) {
      row.points.push_back({point.point, point.measured, point.predicted});
    }
  }
  return row;
}

TruthRow published_row(const std::string& name, const std::string& part, bool calibrates) {
  TruthRow row{"T4 published", name, part, {}};
  for (const PublishedRow& one : read_published(data + "/measured/t4_published.csv")) {
    if (one.left_out.empty() && one.calibrates == calibrates) {
      row.points.push_back({"row " + std::to_string(one.id), one.measured, one.predicted});
    }
  }
  return row;
}

std::vector<TruthRow> make_report() {
  const std::set<std::string> products{"qkv_proj", "out_proj", "mlp_up", "mlp_down"};
  std::vector<TruthRow> rows;
  for (const char* part : {"fitted", "held out"}) {
    rows.push_back(row_of(t4(), "T4 kernels", "matrix products", products, part));
  }
  for (const char* quantity : {"qkv_proj", "out_proj", "mlp_up", "mlp_down"}) {
    rows.push_back(row_of(t4(), "T4 kernels", quantity, {quantity}, "held out"));
  }
  for (const char* quantity : {"norm", "rope", "mlp_act", "residual"}) {
    rows.push_back(row_of(t4(), "T4 kernels", quantity, {quantity}, "fitted"));
  }
  rows.push_back(t4_profiled_row());
  for (const char* part : {"fitted", "without gpt2", "without gpt2-medium"}) {
    for (const char* phase : {"prefill", "decode"}) {
      rows.push_back(row_of(h200(), "H200 Hugging Face steps", phase, {phase}, part));
    }
  }
  rows.push_back(published_row("end to end", "fitted", true));
  rows.push_back(published_row("end to end", "held out", false));
  for (TruthRow& row : vllm_server_rows()) {
    rows.push_back(std::move(row));
  }
  return rows;
}

const std::vector<TruthRow>& report() {
  static const std::vector<TruthRow> rows = make_report();
  return rows;
}

TEST(TruthReport, IsWrittenAndItsSummaryIsTheReadmes) {
  if (is_skipped()) {
    return;
  }
  const std::vector<TruthRow>& rows = report();
  std::string csv = truth_header;
  std::string expected;
  for (const TruthRow& row : rows) {
    csv += row.csv();
    expected += readme_line(row) + "\n";
  }
  std::ofstream("truth_report.csv") << csv;
  std::printf("%s\n", csv.c_str());
  std::ifstream file(sources + "/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  for (const TruthRow& row : rows) {
    EXPECT_NE(readme.str().find(readme_line(row)), std::string::npos)
        << "the README's table must hold:\n"
        << expected;
  }
}

// What is asked of the fits, on what they have not seen.
TEST(TruthReport, HeldOutErrorsStayWithinTheirLimits) {
  if (is_skipped()) {
    return;
  }
  for (const TruthRow& row : report()) {
    const std::string name = row.data_set + ", " + row.quantity + ", " + row.part;
    if (row.quantity == "matrix products" && row.part == "held out") {
      EXPECT_LE(row.error_at(0.5), 0.07) << name;
      EXPECT_LE(row.error_at(0.95), 0.25) << name;
    }
    if (row.part == "without gpt2" || row.part == "without gpt2-medium") {
      const bool prefill = row.quantity == "prefill";
      EXPECT_LE(row.error_at(0.5), prefill ? 0.045 : 0.03) << name;
      EXPECT_LE(row.error_at(0.95), prefill ? 0.10 : 0.08) << name;
    }
    if (row.data_set == "T4 published" && row.part == "held out") {
      EXPECT_LE(row.error_at(0.5), 0.12) << name;
    }
  }
}

// The constants of a shipped preset are those that its settings give.
TEST(TruthReport, ShippedPresetsAreMadeFromTheirSettings) {
  if (is_skipped()) {
    return;
  }
  for (const Calibration* made : {&t4(), &h200()}) {
    const GpuSpec shipped = gpu_preset(made->gpu.name);
    ASSERT_FALSE(made->constants.empty());
    EXPECT_EQ(gpu_preset_text(made->gpu, ""), gpu_preset_text(shipped, ""));
  }
}

// A table with prediction, measurement and error; what is left out, and why.
// Who has a table and no settings gets a fit that is worth having, of kernels and of steps.
TEST(TruthReport, TablesWithoutSettingsAreFittedToo) {
  if (is_skipped()) {
    return;
  }
  const std::string kernels = data + "/measured/t4_kernels/llama-2-7b.csv";
  const std::string steps = data + "/measured/h200_hf_step_times.csv";
  for (const auto& [gpu, table] : {std::pair{"t4", kernels}, std::pair{"h200", steps}}) {
    const auto settings = usual_settings(gpu_preset(gpu), std::nullopt, table);
    for (const FitScore& score : calibrate(settings, table).scores) {
      const bool is_identified = score.part != "without llama-7b";
      EXPECT_LE(score.median, is_identified ? 0.07 : 0.35) << gpu << ' ' << score.quantity;
      EXPECT_LE(score.p95, is_identified ? 0.26 : 0.6) << gpu << ' ' << score.quantity;
    }
  }
}

TEST(TruthReport, PublishedRowsOfTheT4AreSimulatedOrLeftOutForAReason) {
  if (is_skipped()) {
    return;
  }
  int simulated = 0;
  for (const PublishedRow& row : read_published(data + "/measured/t4_published.csv")) {
    if (!row.left_out.empty()) {
      std::printf("%4d left out (%s): %s\n", row.id, row.left_out.c_str(), row.what.c_str());
      continue;
    }
    ++simulated;
    std::printf("%4d %-18s %9.2f measured %9.2f predicted %-6s %+5.0f %% %s %s\n", row.id,
                row.engine.c_str(), row.measured, row.predicted, row.unit.c_str(),
                100.0 * row.error(), row.calibrates ? "fitted" : "scored", row.what.c_str());
    EXPECT_LE(std::fabs(row.error()), 0.35) << row.id << ' ' << row.what;
  }
  EXPECT_GE(simulated, 50);
}

}  // namespace
}  // namespace tessera::truth
