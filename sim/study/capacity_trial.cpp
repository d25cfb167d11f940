#include "sim/study/capacity_trial.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <variant>

#include "sim/study/parallel.hpp"
#include "sim/study/slo_score.hpp"
#include "sim/study/student_t.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

constexpr double load_digits = 1e5;  // of six digits, those after the first

double rounded(double value) {
  const double scale = std::pow(10.0, std::floor(std::log10(value)));
  const double mantissa = std::round(value / scale * load_digits) / load_digits;
  // As text and back: the number that the YAML will hold.
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), mantissa * scale,
                                 std::chars_format::general, 6);
  double number = 0.0;
  std::from_chars(text.data(), end.ptr, number);
  return number;
}

// Runs that are longer have more requests, later ones among them. A trace is as long as it is.
Scenario lengthened(Scenario scenario, std::int64_t factor) {
  if (std::holds_alternative<TraceArrivals>(scenario.workload.arrivals)) {
    return scenario;
  }
  if (scenario.workload.requests) {
    scenario.workload.requests = *scenario.workload.requests * factor;
  }
  if (scenario.workload.duration) {
    scenario.workload.duration = *scenario.workload.duration * factor;
  }
  return scenario;
}

bool has_one_length(const Scenario& scenario) {
  return std::holds_alternative<TraceArrivals>(scenario.workload.arrivals);
}

std::vector<Summary> run_replications(const CapacityQuestion& question, const Scenario& scenario,
                                      std::int64_t threads) {
  std::vector<Summary> summaries(static_cast<std::size_t>(question.replications));
  for_each_in_parallel(question.replications, threads, [&](std::int64_t replication) {
    LoadedScenario loaded;
    loaded.scenario = scenario;
    loaded.scenario.seed += static_cast<std::uint64_t>(replication);
    summaries[static_cast<std::size_t>(replication)] = run_scenario(loaded, nullptr, {}).summary;
  });
  return summaries;
}

Summary means_of(const std::vector<Summary>& summaries) {
  Summary means;
  for (const SummaryCell& first : summaries.front()) {
    std::vector<double> values;
    for (const Summary& summary : summaries) {
      if (const auto number = summary_number(summary, first.column)) {
        values.push_back(*number);
      }
    }
    std::string text;
    if (!values.empty()) {
      append_real(text, estimate(values, 0.5).mean);
    }
    means.push_back({first.column, text});
  }
  return means;
}

// What binds: the promise that came out worst on the mean of the runs.
void judge(CapacityTrial& trial, const CapacityQuestion& question,
           const std::vector<SloPromise>& promises, const std::vector<Summary>& summaries) {
  std::vector<double> scores;
  for (const Summary& summary : summaries) {
    double worst = 0.0;
    for (const SloPromise& promise : promises) {
      worst = std::max(worst, score_of(promise, summary));
    }
    scores.push_back(worst);
  }
  const Estimate estimated = estimate(scores, question.confidence);
  trial.score = estimated.mean;
  trial.score_half_width = estimated.half_width;
  trial.means = means_of(summaries);
  trial.passed = estimated.mean <= 1.0;
  trial.decided_by = DecidedBy::mean;
  if (estimated.half_width) {
    const double margin = std::abs(estimated.mean - 1.0);
    trial.decided_by = *estimated.half_width < margin                ? DecidedBy::confidence
                       : *estimated.half_width <= question.tolerance ? DecidedBy::tolerance
                                                                     : DecidedBy::mean;
  }
  const auto binding =
      std::max_element(promises.begin(), promises.end(), [&](const auto& a, const auto& b) {
        return score_of(a, trial.means) < score_of(b, trial.means);
      });
  trial.reason = figures_of(*binding, trial.means);
}

void price(CapacityTrial& trial, const HardwareSpec& hardware) {
  const auto throughput = summary_number(trial.means, "output_throughput");
  if (!throughput || *throughput <= 0.0) {
    return;
  }
  const double hours_a_million = 1e6 / *throughput / 3600.0;
  const auto gpus = static_cast<double>(hardware.count);
  if (hardware.gpu.price_per_hour > 0.0) {
    trial.cost = hardware.gpu.price_per_hour * gpus * hours_a_million;
  }
  if (hardware.gpu.power.value() > 0.0) {
    trial.energy = hardware.gpu.power.value() / 1e3 * gpus * hours_a_million;
  }
}

}  // namespace

LoadKnob load_knob(const Scenario& scenario) {
  return std::visit(
      []<class Arrivals>(const Arrivals& arrivals) -> LoadKnob {
        if constexpr (requires { arrivals.rate; }) {
          return {"workload.arrivals.rate", " /s", arrivals.rate.value(), 1e-9, 1e9, false};
        } else if constexpr (requires { arrivals.rate_scale; }) {
          return {"workload.arrivals.rate_scale", "", arrivals.rate_scale, 1e-6, 1e6, false};
        } else if constexpr (requires { arrivals.users; }) {
          return {"workload.arrivals.users", "", static_cast<double>(arrivals.users), 1, 1e7, true};
        } else {
          throw BadInput(Place{"workload.arrivals", 0, 0},
                         "arrivals of kind " + std::string(Arrivals::kind) +
                             " have no load that could be varied; take poisson, closed_loop or "
                             "trace, or ask for the cheapest setting with --find cost");
        }
      },
      scenario.workload.arrivals);
}

double rounded_load(const LoadKnob& knob, double load) {
  const double within = std::clamp(load, knob.least, knob.most);
  return knob.whole ? std::round(within) : rounded(within);
}

std::string load_text(const LoadKnob& knob, double load) {
  std::string text;
  append_real(text, rounded_load(knob, load));
  return text + knob.unit;
}

Scenario at_load(Scenario setting, const LoadKnob& knob, double load) {
  std::visit(
      [&](auto& arrivals) {
        if constexpr (requires { arrivals.rate; }) {
          arrivals.rate = Rate{rounded_load(knob, load)};
        } else if constexpr (requires { arrivals.rate_scale; }) {
          arrivals.rate_scale = rounded_load(knob, load);
        } else if constexpr (requires { arrivals.users; }) {
          arrivals.users = static_cast<std::int64_t>(rounded_load(knob, load));
        }
      },
      setting.workload.arrivals);
  return setting;
}

CapacityTrial try_load(const CapacityQuestion& question, const Scenario& setting,
                       const LoadKnob& knob, double load, std::int64_t lengthening,
                       std::int64_t threads) {
  const std::vector<SloPromise> promises = promises_of(*setting.slo);
  const Scenario loaded = at_load(setting, knob, load);
  const std::int64_t most = has_one_length(setting) ? 1 : question.most_lengthening;
  CapacityTrial trial;
  trial.load = load_text(knob, load);
  trial.load_number = rounded_load(knob, load);
  trial.replications = question.replications;
  for (trial.lengthening = std::min(lengthening, most);; trial.lengthening *= 2) {
    const std::vector<Summary> summaries =
        run_replications(question, lengthened(loaded, trial.lengthening), threads);
    judge(trial, question, promises, summaries);
    const bool is_clear = trial.decided_by != DecidedBy::mean || question.replications == 1;
    if (is_clear || trial.lengthening * 2 > most) {
      break;
    }
  }
  trial.requests = static_cast<std::int64_t>(
      std::llround(summary_number(trial.means, "num_requests").value_or(0.0)));
  price(trial, setting.hardware);
  return trial;
}

}  // namespace tessera
