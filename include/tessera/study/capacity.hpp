// Capacity: the highest load, or the cheapest setting, that keeps the promised latencies.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/study/run.hpp"
#include "tessera/study/sweep_plan.hpp"

namespace tessera {

// load: for each setting the highest load that meets the SLO. cost, energy: the scenario's own
// load, and the setting that meets the SLO with the fewest dollars, or the least energy, a token.
enum class CapacityGoal { load, cost, energy };
template <>
struct EnumNames<CapacityGoal> {
  static constexpr std::array<std::string_view, 3> names{"load", "cost", "energy"};
};

struct CapacityQuestion {
  SweepPlan settings;  // its points are the settings; plan_settings() allows a single one
  CapacityGoal goal = CapacityGoal::load;
  double tolerance = 0.02;        // relative: of the load, and of a score that is close to 1
  double confidence = 0.95;       // of a verdict
  std::int64_t replications = 5;  // independent runs of a trial: seeds one after another
  // A verdict that is not clear is sought in runs twice as long, and the answer is confirmed in
  // runs four times as long, up to this many times the length of the scenario's.
  std::int64_t most_lengthening = 16;
  std::int64_t threads = 1;
  // Called after every trial, from one thread at a time.
  std::function<void(std::int64_t trials)> on_progress;
};

// How a verdict came about. confidence: the interval of the mean score excludes 1. tolerance: the
// mean is known to within the tolerance. mean: runs as long as allowed leave it open (or there is
// one run only), and the mean decides. refused: the setting cannot run.
enum class DecidedBy { confidence, tolerance, mean, refused };
template <>
struct EnumNames<DecidedBy> {
  static constexpr std::array<std::string_view, 4> names{"confidence", "tolerance", "mean",
                                                         "refused"};
};

// One load at one setting, tried.
struct CapacityTrial {
  std::int64_t setting = 0;
  std::string load;          // as YAML text: "1.25 /s"
  double load_number = 0.0;  // 1.25
  std::int64_t lengthening = 1;
  std::int64_t requests = 0;  // of each run
  std::int64_t replications = 0;
  bool passed = false;
  DecidedBy decided_by = DecidedBy::mean;
  std::string reason;  // the limit that binds, with its figures
  // The largest of what was promised and what came of it, as a ratio: the SLO is met up to 1.
  double score = 0.0;
  std::optional<double> score_half_width;
  Summary means;                 // over the runs, of the columns of numbers
  std::optional<double> cost;    // US dollars a million output tokens
  std::optional<double> energy;  // kWh a million output tokens, at the board's power limit
};

struct CapacitySetting {
  std::optional<std::size_t> best;  // of the trials: the highest load that passed
  std::optional<std::size_t> next;  // the lowest load above it that failed
  bool bounded = true;              // false: every load passes that is worth trying
};

struct CapacityAnswer {
  std::string load_path;                  // "workload.arrivals.rate"
  std::vector<CapacityTrial> trials;      // by setting, each in the order of trying
  std::vector<CapacitySetting> settings;  // one a point of the question's plan
  std::optional<std::size_t> winner;      // of the trials; nothing when no setting meets the SLO
  std::optional<std::size_t> closest;     // where nothing passed: the lowest score, or the quickest
  std::string winner_yaml;                // the winner as a scenario
};

// Brackets the load by doubling or halving and bisects it down to the tolerance, for every setting;
// the answer is the same whatever the number of threads.
// Throws WrongUsage when an axis is the load itself, and BadInput when the scenario promises no
// latencies, its arrivals have no load to vary, or not a single setting can run.
[[nodiscard]] CapacityAnswer find_capacity(const CapacityQuestion& question);

// ledger.csv: every trial, with the reason why it passed or failed.
[[nodiscard]] std::string ledger_csv(const CapacityQuestion& question,
                                     const CapacityAnswer& answer);
// pareto.csv: the trials that no other one beats in output tokens a second and a latency at once;
// a front for each of p99 TTFT and p99 TPOT, by throughput.
[[nodiscard]] std::string pareto_csv(const CapacityQuestion& question,
                                     const CapacityAnswer& answer);

}  // namespace tessera
