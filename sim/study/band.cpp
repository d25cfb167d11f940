#include "tessera/study/band.hpp"

#include <charconv>
#include <optional>

#include "tessera/study/run.hpp"

namespace tessera {
namespace {

void speed_up(KernelEfficiency& kernel, double factor) {
  kernel.compute *= factor;
  kernel.memory *= factor;
  kernel.cached *= factor;
  kernel.launch = Duration::from_seconds(kernel.launch.to_seconds() / factor);
  kernel.sequence = Duration::from_seconds(kernel.sequence.to_seconds() / factor);
}

Summary summary_at(LoadedScenario loaded, double factor) {
  loaded.scenario.hardware.gpu = with_speed(loaded.scenario.hardware.gpu, factor);
  return run_scenario(loaded, nullptr, {}).summary;
}

std::optional<double> number_in(const std::string& text) {
  double value = 0.0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

}  // namespace

GpuSpec with_speed(GpuSpec gpu, double factor) {
  ElementwiseEfficiency& light = gpu.elementwise;
  for (KernelEfficiency* kernel :
       {&gpu.gemm, &gpu.gemm_fp32, &gpu.gemm_int8, &gpu.attention_prefill,
        &gpu.attention_prefill_fp32, &gpu.attention_decode, &light.norm, &light.rope,
        &light.activation, &light.residual, &light.copy, &light.concat, &light.concat_strided}) {
    speed_up(*kernel, factor);
  }
  gpu.link_bandwidth = Bandwidth{gpu.link_bandwidth.value() * factor};
  gpu.link_measured = Bandwidth{gpu.link_measured.value() * factor};
  return gpu;
}

std::vector<BandRow> run_band(const LoadedScenario& loaded, const Summary& nominal, double band) {
  const Summary slow = summary_at(loaded, 1.0 - band);
  const Summary fast = summary_at(loaded, 1.0 + band);
  std::vector<BandRow> rows;
  for (const auto& [column, value] : nominal) {
    const std::string* low = nullptr;
    const std::string* high = nullptr;
    for (const std::string* text : {&value, &cell(slow, column), &cell(fast, column)}) {
      const auto number = number_in(*text);
      if (!number) {
        continue;
      }
      low = low == nullptr || *number < *number_in(*low) ? text : low;
      high = high == nullptr || *number > *number_in(*high) ? text : high;
    }
    if (low != nullptr) {
      rows.push_back({std::string(column), *low, value, *high});
    }
  }
  return rows;
}

std::string band_csv(const std::vector<BandRow>& rows) {
  std::string text = "metric,low,value,high\n";
  for (const BandRow& row : rows) {
    text += row.column + "," + row.low + "," + row.value + "," + row.high + "\n";
  }
  return text;
}

}  // namespace tessera
