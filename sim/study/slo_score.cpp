#include "sim/study/slo_score.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

constexpr const char* attainment_column = "slo_attainment";
// A promise that not a single request may miss: the smallest share counts.
constexpr double smallest_share = 1e-9;

void add_limits(std::vector<SloPromise>& promises, const LatencyLimit& limits,
                const std::string& latency, const std::string& name) {
  const auto add = [&](const std::optional<Duration>& limit, const std::string& statistic) {
    if (limit) {
      promises.push_back(
          {statistic + " " + name, statistic + "_" + latency + "_ms", limit->to_seconds() * 1e3});
    }
  };
  add(limits.mean, "mean");
  add(limits.median, "median");
  add(limits.p90, "p90");
  add(limits.p95, "p95");
  add(limits.p99, "p99");
}

// Four digits, the last zeros dropped.
std::string short_number(double number) {
  std::array<char, 32> text{};
  const auto written =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general, 4);
  return {text.data(), written.ptr};
}

std::string latency_text(double milliseconds) {
  return milliseconds >= 1e3 ? short_number(milliseconds / 1e3) + " s"
                             : short_number(milliseconds) + " ms";
}

}  // namespace

std::vector<SloPromise> promises_of(const SloSpec& slo) {
  std::vector<SloPromise> promises{{"attainment", attainment_column, slo.attainment}};
  add_limits(promises, slo.ttft, "ttft", "TTFT");
  add_limits(promises, slo.tpot, "tpot", "TPOT");
  add_limits(promises, slo.e2el, "e2el", "E2EL");
  return promises;
}

std::optional<double> summary_number(const Summary& summary, std::string_view column) {
  const auto found = std::find_if(summary.begin(), summary.end(),
                                  [&](const SummaryCell& cell) { return cell.column == column; });
  double number = 0.0;
  if (found == summary.end() || found->value.empty()) {
    return std::nullopt;
  }
  const char* const end = found->value.data() + found->value.size();
  const auto parsed = std::from_chars(found->value.data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

double score_of(const SloPromise& promise, const Summary& summary) {
  const auto value = summary_number(summary, promise.column);
  if (promise.column == attainment_column) {
    return (1.0 - value.value_or(0.0)) / std::max(1.0 - promise.limit, smallest_share);
  }
  return value.value_or(0.0) / promise.limit;
}

std::string figures_of(const SloPromise& promise, const Summary& summary) {
  const auto value = summary_number(summary, promise.column);
  if (promise.column == attainment_column) {
    return "attainment " + short_number(value.value_or(0.0)) + ", promised " +
           short_number(promise.limit);
  }
  return promise.name + " " + (value ? latency_text(*value) : std::string("undefined")) +
         ", limit " + latency_text(promise.limit);
}

}  // namespace tessera
