#include "sim/cli/metric_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "sim/cli/text.hpp"

namespace tessera {
namespace {

bool is_share(const std::string& name) {
  constexpr std::array<std::string_view, 7> shares{
      "slo_attainment", "kv_waste_of_reserved",   "kv_waste_of_pool", "kv_live_of_pool",
      "gpu_busy",       "external_fragmentation", "time_idle"};
  return name.starts_with("time_") || name.ends_with("_of_step_time") ||
         std::find(shares.begin(), shares.end(), name) != shares.end();
}

}  // namespace

std::optional<double> number_of(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' ? std::nullopt : std::optional(number);
}

std::string metric_text(const std::string& name, const std::string& text) {
  const auto number = number_of(text);
  if (!number) {
    return text.empty() ? "-" : text;
  }
  if (name.ends_with("_ms")) {
    return human_seconds(*number / 1e3);
  }
  if (name.ends_with("_s")) {
    return human_seconds(*number);
  }
  if (name.ends_with("_bytes")) {
    return human_bytes(Bytes{std::llround(*number)});
  }
  if (is_share(name)) {
    return percent(*number);
  }
  const bool is_whole = text.find('.') == std::string::npos;
  return is_whole ? grouped(std::llround(*number)) : three_digits(*number);
}

}  // namespace tessera
