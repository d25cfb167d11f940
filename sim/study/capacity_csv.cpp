// The tables of a capacity search.

#include <algorithm>

#include "sim/study/csv_rows.hpp"
#include "sim/study/slo_score.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/study/capacity.hpp"

namespace tessera {
namespace {

constexpr std::array<const char*, 12> shown_columns{
    "slo_attainment", "request_throughput", "output_throughput", "request_goodput",
    "mean_ttft_ms",   "p90_ttft_ms",        "p99_ttft_ms",       "mean_tpot_ms",
    "p90_tpot_ms",    "p99_tpot_ms",        "p99_e2el_ms",       "kv_waste_of_reserved"};
constexpr std::array<const char*, 2> front_latencies{"p99_ttft_ms", "p99_tpot_ms"};

void append_number(std::string& csv, const std::optional<double>& number) {
  csv += ',';
  if (number) {
    append_real(csv, *number);
  }
}

void append_setting(std::string& csv, const CapacityQuestion& question,
                    const CapacityAnswer& answer, std::size_t index) {
  const CapacityTrial& trial = answer.trials[index];
  csv += std::to_string(index) + "," + point_id(question.settings, trial.setting);
  for (const std::string& value : point_values(question.settings, trial.setting)) {
    csv += ',';
    append_csv(csv, value);
  }
  csv += ',';
  append_csv(csv, trial.load);
}

std::string setting_columns(const CapacityQuestion& question, const CapacityAnswer& answer) {
  std::string csv = "trial,setting";
  for (const std::string& path : axis_paths(question.settings)) {
    csv += ',';
    append_csv(csv, path);
  }
  return csv + "," + answer.load_path;
}

void append_figures(std::string& csv, const CapacityTrial& trial) {
  for (const char* column : shown_columns) {
    append_number(csv, summary_number(trial.means, column));
  }
  append_number(csv, trial.cost);
  append_number(csv, trial.energy);
}

std::string figure_columns() {
  std::string csv;
  for (const char* column : shown_columns) {
    csv += "," + std::string(column);
  }
  return csv + ",cost_usd_per_million_output_tokens,energy_kwh_per_million_output_tokens\n";
}

struct FrontPoint {
  std::size_t trial;
  double throughput;
  double latency;
};

// Those that nothing beats in both, by throughput; of equal ones the first.
std::vector<FrontPoint> front_of(const CapacityAnswer& answer, const char* latency) {
  std::vector<FrontPoint> points;
  for (std::size_t i = 0; i < answer.trials.size(); ++i) {
    const auto throughput = summary_number(answer.trials[i].means, "output_throughput");
    const auto time = summary_number(answer.trials[i].means, latency);
    if (throughput && time) {
      points.push_back({i, *throughput, *time});
    }
  }
  std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) {
    return a.throughput != b.throughput ? a.throughput > b.throughput : a.latency < b.latency;
  });
  std::vector<FrontPoint> front;
  for (const FrontPoint& point : points) {
    if (front.empty() || point.latency < front.back().latency) {
      front.push_back(point);
    }
  }
  std::reverse(front.begin(), front.end());
  return front;
}

}  // namespace

std::string ledger_csv(const CapacityQuestion& question, const CapacityAnswer& answer) {
  std::string csv = setting_columns(question, answer) +
                    ",requests,replications,verdict,decided_by,reason,slo_score,slo_score_ci" +
                    figure_columns();
  for (std::size_t i = 0; i < answer.trials.size(); ++i) {
    const CapacityTrial& trial = answer.trials[i];
    append_setting(csv, question, answer, i);
    csv += "," + std::to_string(trial.requests) + "," + std::to_string(trial.replications);
    csv += trial.passed ? ",passed," : ",failed,";
    csv += std::string(name_of(trial.decided_by)) + ",";
    append_csv(csv, trial.reason);
    append_number(
        csv, trial.decided_by == DecidedBy::refused ? std::nullopt : std::optional(trial.score));
    append_number(csv, trial.score_half_width);
    append_figures(csv, trial);
    csv += '\n';
  }
  return csv;
}

std::string pareto_csv(const CapacityQuestion& question, const CapacityAnswer& answer) {
  std::string csv = "front," + setting_columns(question, answer) + ",verdict" + figure_columns();
  for (const char* latency : front_latencies) {
    for (const FrontPoint& point : front_of(answer, latency)) {
      csv += std::string(latency) + ",";
      append_setting(csv, question, answer, point.trial);
      csv += answer.trials[point.trial].passed ? ",passed" : ",failed";
      append_figures(csv, answer.trials[point.trial]);
      csv += '\n';
    }
  }
  return csv;
}

}  // namespace tessera
