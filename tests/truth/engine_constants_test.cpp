// The constants of the engines' presets are those that the published rows marked for calibration
// give: each is fitted again, by least squares of the logarithms between a half and twice its
// value, and hardly changes what is said of those rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/truth/t4_published.hpp"

namespace tessera::truth {
namespace {

const std::string data = TESSERA_DATA_DIR;

// An engine's, or the card's as the engine uses it.
struct Constant {
  std::string engine;
  std::string name;
  std::function<void(EngineOverheads&, GpuSpec&, double factor)> scale;
};

void scale(Duration& duration, double factor) {
  duration = Duration::from_seconds(duration.to_seconds() * factor);
}

void scale_step(EngineOverheads& one, GpuSpec& /*gpu*/, double factor) {
  scale(one.step, factor);
}
void scale_launch(EngineOverheads& one, GpuSpec& /*gpu*/, double factor) {
  scale(one.launch, factor);
}
void scale_intercepts(EngineOverheads& one, GpuSpec& /*gpu*/, double factor) {
  one.intercepts *= factor;
}
void scale_attention(EngineOverheads& one, GpuSpec& /*gpu*/, double factor) {
  one.prefill_attention *= factor;
}
void scale_prefill(EngineOverheads& one, GpuSpec& /*gpu*/, double factor) {
  one.prefill *= factor;
  one.prefill_attention *= factor;
}

void scale_awq(EngineOverheads& one, GpuSpec& /*gpu*/, double factor) {
  one.prefill_awq = one.prefill_awq.value() * factor;
}
void scale_int8_launch(EngineOverheads& /*one*/, GpuSpec& gpu, double factor) {
  scale(gpu.gemm_int8.launch, factor);
}

// One prefill factor and one overhead an engine. (vllm_eager's launch is an estimate, and its
// prefill_attention that of vllm_cuda_graphs.)
const std::vector<Constant>& constants() {
  static const std::vector<Constant> all{
      {"faster_transformer", "intercepts", scale_intercepts},
      {"faster_transformer", "prefill", scale_prefill},
      {"faster_transformer", "gemm_int8.launch", scale_int8_launch},
      {"hugging_face_eager", "launch", scale_launch},
      {"hugging_face_eager", "prefill", scale_prefill},
      {"hugging_face_eager", "prefill_awq", scale_awq},
      {"llama_cpp", "step", scale_step},
      {"llama_cpp", "prefill", scale_prefill},
      {"vllm_cuda_graphs", "step", scale_step},
      {"vllm_cuda_graphs", "prefill_attention", scale_attention},
      {"vllm_eager", "step", scale_step},
  };
  return all;
}

// The engine's rows that calibrate, with one of its constants scaled.
std::vector<PublishedRow> rows_with(const Constant& constant, double factor) {
  GpuSpec gpu = gpu_preset("t4");
  EngineOverheads scaled = overheads_preset(constant.engine);
  constant.scale(scaled, gpu, factor);
  const auto overheads = [&](std::string_view name) {
    return name == constant.engine ? scaled : overheads_preset(name);
  };
  auto rows = read_published(data + "/measured/t4_published.csv", overheads, gpu);
  std::erase_if(rows, [&](const PublishedRow& row) {
    return !row.calibrates || !row.left_out.empty() || row.engine != constant.engine;
  });
  return rows;
}

double squares(const std::vector<PublishedRow>& rows) {
  double sum = 0.0;
  for (const PublishedRow& row : rows) {
    const double error = std::log(row.predicted / row.measured);
    sum += error * error;
  }
  return sum;
}

using IsTaken = std::function<bool(const PublishedRow&)>;

// The factor between 1/2 and 2 with the least squares of the rows that are taken.
double best_factor(
    const Constant& constant, const IsTaken& is_taken = [](const PublishedRow&) { return true; }) {
  const int bits = 10;
  const auto loss = [&](double log_factor) {
    auto rows = rows_with(constant, std::exp(log_factor));
    std::erase_if(rows, [&](const PublishedRow& row) { return !is_taken(row); });
    return squares(rows);
  };
  const auto best = boost::math::tools::brent_find_minima(loss, std::log(0.5), std::log(2.0), bits);
  return std::exp(best.first);
}

TEST(EngineConstants, AreThoseOfTheRowsThatCalibrate) {
  if (data.empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so engines were not fitted again");
    return;
  }
  for (const Constant& constant : constants()) {
    const double factor = best_factor(constant);
    std::printf("%-18s %-17s fitted again: %.3f of the shipped\n", constant.engine.c_str(),
                constant.name.c_str(), factor);
    const auto shipped = rows_with(constant, 1.0);
    const auto fitted = rows_with(constant, factor);
    ASSERT_GE(shipped.size(), 1u);
    for (std::size_t i = 0; i < shipped.size(); ++i) {
      EXPECT_NEAR(shipped[i].predicted / fitted[i].predicted, 1.0, 0.03)
          << constant.engine << ' ' << constant.name << ", row " << shipped[i].id;
    }
  }
}

// The intercept of integer products is the one constant that is fitted to FasterTransformer's int8
// rows, whose rate is that of products alone: each row is scored by the fit to the others.
TEST(EngineConstants, Int8RowsAreScoredByLeavingEachOut) {
  if (data.empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so integer products were not scored");
    return;
  }
  const Constant launch{"faster_transformer", "gemm_int8.launch", scale_int8_launch};
  const auto is_int8 = [](const PublishedRow& row) {
    return row.what.find("int8") != std::string::npos;
  };
  double worst = 0.0;
  double sum = 0.0;
  int num_rows = 0;
  for (const PublishedRow& left : rows_with(launch, 1.0)) {
    if (!is_int8(left)) {
      continue;
    }
    const double factor = best_factor(
        launch, [&](const PublishedRow& row) { return is_int8(row) && row.id != left.id; });
    for (const PublishedRow& row : rows_with(launch, factor)) {
      if (row.id == left.id) {
        std::printf("row %d: %.2f ms measured, %.2f without it, %+.1f %%\n", row.id, row.measured,
                    row.predicted, 100.0 * row.error());
        worst = std::max(worst, std::fabs(row.error()));
        sum += row.error() * row.error();
        ++num_rows;
      }
    }
  }
  ASSERT_GE(num_rows, 7);
  EXPECT_LE(std::sqrt(sum / num_rows), 0.10);
  EXPECT_LE(worst, 0.20);
}

}  // namespace
}  // namespace tessera::truth
