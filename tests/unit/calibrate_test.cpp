// Times made from known constants give the constants back.
#include "tessera/study/calibrate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "tessera/config/load.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/cost/explain.hpp"
#include "tessera/study/band.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

GpuSpec made_up() {
  GpuSpec gpu = gpu_preset("a100-40gb");
  gpu.gemm.compute = 0.62;
  gpu.gemm.memory = 0.71;
  gpu.gemm.launch = Duration::microseconds(7);
  return gpu;
}

double total(const GpuSpec& gpu, const ModelSpec& model, const StepQuestion& question) {
  const auto cost = make_cost_model(RooflineCostSpec{}, gpu, model, PrecisionSpec{}, RankPlace{},
                                    overheads_preset("hugging_face_cuda_graph"));
  return explain(*cost, question, model).back().time.to_seconds();
}

std::string table_of(const GpuSpec& gpu) {
  std::string text = "model,phase,batch,new_tokens,context,cuda_graph_ms\n";
  for (const char* name : {"gpt2", "opt-1.3b", "llama-7b"}) {
    const ModelSpec model = model_preset(name);
    for (const std::int64_t size : {1, 4, 16, 64, 256, 1000}) {
      StepQuestion prefill{Phase::prefill, 2, Tokens{0}, Tokens{size}, CacheUse::concat};
      StepQuestion decode{Phase::decode, size, Tokens{301}, Tokens{0}, CacheUse::concat};
      char line[200];
      std::snprintf(line, sizeof line, "%s,prefill,2,%lld,0,%.9f\n%s,decode,%lld,1,300,%.9f\n",
                    name, static_cast<long long>(size), 1e3 * total(gpu, model, prefill), name,
                    static_cast<long long>(size), 1e3 * total(gpu, model, decode));
      text += line;
    }
  }
  return text;
}

class Calibrating : public ::testing::Test {
 protected:
  Calibrating() {
    settings_.gpu = gpu_preset("a100-40gb");
    settings_.overheads = overheads_preset("hugging_face_cuda_graph");
    settings_.shares = {{{"gemm.compute"}, 0.3, 0.05, 1.2}, {{"gemm.memory"}, 0.9, 0.05, 1.2}};
    FittedTime launch;
    launch.paths = {"gemm.launch"};
    settings_.times = {launch};
  }
  std::string write(const std::string& text) {
    const std::string path = (folder_.path() / "steps.csv").string();
    std::ofstream(path) << text;
    return path;
  }
  TemporaryFolder folder_;
  CalibrationSettings settings_;
};

TEST_F(Calibrating, GivesTheConstantsBack) {
  settings_.leave_out = {"opt-1.3b"};
  const Calibration result = calibrate(settings_, write(table_of(made_up())));
  ASSERT_EQ(result.constants.size(), 3u);
  EXPECT_NEAR(result.constants[0].value, 0.62, 0.003);
  EXPECT_NEAR(result.constants[1].value, 0.71, 0.003);
  EXPECT_NEAR(result.constants[2].value, 7e-6, 1e-7);
  for (const FitScore& score : result.scores) {
    EXPECT_LT(score.p95, 0.01) << score.quantity << ' ' << score.part;
  }
  EXPECT_TRUE(std::any_of(result.scores.begin(), result.scores.end(), [](const FitScore& score) {
    return score.part == "without opt-1.3b" && score.points == 6;
  }));
}

TEST_F(Calibrating, RefusesWhatItCannotFit) {
  EXPECT_THROW((void)calibrate(settings_, "no/such/file.csv"), UnreadableFile);
  EXPECT_THROW((void)calibrate(settings_, write("a,b\n1,2\n")), BadInput);
  const std::string header = "model,phase,batch,new_tokens,context,cuda_graph_ms\n";
  EXPECT_THROW((void)calibrate(settings_, write(header + "gpt2,decode,1,1,100,0.7\n")), BadInput);
  EXPECT_THROW((void)calibrate(settings_, write(header + "gpt9,decode,1,1,100,0.7\n")), BadInput);
  EXPECT_THROW((void)calibrate(settings_, write(header + "gpt2,decode,1,1,100,fast\n")), BadInput);
  settings_.shares.front().paths = {"gemm.speed"};
  EXPECT_THROW((void)calibrate(settings_, write(table_of(made_up()))), BadInput);
}

TEST_F(Calibrating, APresetReadsBackAsItWasWritten) {
  const std::string path = (folder_.path() / "settings.yaml").string();
  std::string text = "gpu:\n";
  std::istringstream lines(gpu_preset_text(made_up(), "a head\nof two lines"));
  for (std::string line; std::getline(lines, line);) {
    text += "  " + line + "\n";
  }
  std::ofstream(path) << text;
  const GpuSpec read = read_calibration_settings(path).gpu;
  EXPECT_EQ(gpu_preset_text(read, ""), gpu_preset_text(made_up(), ""));
}

TEST(Band, SlowerAndFasterCardsLieOnBothSides) {
  const GpuSpec gpu = gpu_preset("t4");
  const ModelSpec model = model_preset("llama-7b");
  const StepQuestion question{Phase::decode, 8, Tokens{500}, Tokens{0}};
  const double usual = total(gpu, model, question);
  EXPECT_NEAR(total(with_speed(gpu, 0.9), model, question) / usual, 1.0 / 0.9, 0.002);
  EXPECT_NEAR(total(with_speed(gpu, 1.1), model, question) / usual, 1.0 / 1.1, 0.002);
}

}  // namespace
}  // namespace tessera
