// The constants of the engines' presets are those that the published rows marked for calibration
// give: each is fitted again, by least squares of the logarithms between a half and twice its
// value, and hardly changes what is said of those rows.
#include <gtest/gtest.h>

#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "tests/truth/t4_published.hpp"

namespace tessera::truth {
namespace {

const std::string data = TESSERA_DATA_DIR;

struct Constant {
  std::string engine;
  std::string name;
  std::function<void(EngineOverheads&, double factor)> scale;
};

void scale(Duration& duration, double factor) {
  duration = Duration::from_seconds(duration.to_seconds() * factor);
}

void scale_step(EngineOverheads& one, double factor) {
  scale(one.step, factor);
}
void scale_launch(EngineOverheads& one, double factor) {
  scale(one.launch, factor);
}
void scale_intercepts(EngineOverheads& one, double factor) {
  one.intercepts *= factor;
}
void scale_attention(EngineOverheads& one, double factor) {
  one.prefill_attention *= factor;
}
void scale_prefill(EngineOverheads& one, double factor) {
  one.prefill *= factor;
  one.prefill_attention *= factor;
}

// One prefill factor and one overhead an engine. (vllm_eager's launch is an estimate, and its
// prefill_attention that of vllm_cuda_graphs.)
const std::vector<Constant>& constants() {
  static const std::vector<Constant> all{
      {"faster_transformer", "intercepts", scale_intercepts},
      {"faster_transformer", "prefill", scale_prefill},
      {"hugging_face_eager", "launch", scale_launch},
      {"hugging_face_eager", "prefill", scale_prefill},
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
  const auto overheads = [&](std::string_view name) {
    EngineOverheads result = overheads_preset(name);
    if (name == constant.engine) {
      constant.scale(result, factor);
    }
    return result;
  };
  auto rows = read_published(data + "/measured/t4_published.csv", overheads);
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

// The factor between 1/2 and 2 with the least squares.
double best_factor(const Constant& constant) {
  const int bits = 10;
  const auto loss = [&](double log_factor) {
    return squares(rows_with(constant, std::exp(log_factor)));
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

}  // namespace
}  // namespace tessera::truth
