// The search: doubling or halving until a load that passes and one that fails bracket the capacity,
// then bisection on the load's logarithm.
//
// A load passes when the mean score of independent runs (slo_score.hpp) is at most 1. Whether it
// does is sought to the stated confidence: while Student's interval of the mean holds 1, the runs
// are made twice as long. Runs that are too short flatter an overloaded node, whose queue has not
// grown yet: the answer must pass in runs four times as long too, or the search goes on with those.

#include <algorithm>
#include <cmath>
#include <exception>
#include <iterator>
#include <limits>
#include <mutex>
#include <variant>

#include "sim/study/capacity_trial.hpp"
#include "sim/study/parallel.hpp"
#include "sim/study/slo_score.hpp"
#include "tessera/study/capacity.hpp"

namespace tessera {
namespace {

constexpr int most_doublings = 30;
constexpr int most_halvings = 14;
constexpr std::int64_t confirmed_in = 4;
// A node that is offered so many times what it serves is as loaded as it can be.
constexpr double hopeless_overload = 64.0;

void require_slo(const Scenario& scenario) {
  if (!scenario.slo) {
    throw BadInput(Place{"slo", 0, 0},
                   "the scenario promises no latencies that a load could keep; add for example "
                   "--set 'slo={ttft: 2 s, tpot: {p90: 150 ms}}'");
  }
}

// The trials of one setting.
class Search {
 public:
  Search(const CapacityQuestion& question, Scenario setting, std::int64_t number,
         std::int64_t threads, std::function<void()> tried)
      : question_(question),
        setting_(std::move(setting)),
        number_(number),
        threads_(threads),
        tried_(std::move(tried)) {}

  void find_load() {
    require_slo(setting_);
    knob_ = load_knob(setting_);
    bracket(rounded_load(knob_, knob_.given));
    bisect();
    while (passed_ && trials_[*passed_].lengthening < confirming_length()) {
      const double found = trials_[*passed_].load_number;
      lengthening_ = confirming_length();
      passed_.reset();
      if (tries(found)) {
        return;
      }
      bounded_ = true;
      descend();
      bisect();
    }
  }

  // The scenario's own load, and nothing else.
  void judge_own_load() {
    require_slo(setting_);
    if (!std::holds_alternative<BurstArrivals>(setting_.workload.arrivals)) {
      knob_ = load_knob(setting_);
    } else {
      knob_ = {"workload.arrivals.kind", "", 1.0, 1.0, 1.0, true};
    }
    (void)tries(knob_.given);
  }

  [[nodiscard]] const LoadKnob& knob() const { return knob_; }
  [[nodiscard]] const Scenario& setting() const { return setting_; }
  [[nodiscard]] std::vector<CapacityTrial>& trials() { return trials_; }
  [[nodiscard]] CapacitySetting outcome() const { return {passed_, failed_, bounded_}; }

 private:
  [[nodiscard]] std::int64_t confirming_length() const {
    const bool has_one_length = std::holds_alternative<TraceArrivals>(setting_.workload.arrivals);
    return has_one_length ? 1 : std::min(question_.most_lengthening, lengthening_ * confirmed_in);
  }

  // Tries a load and keeps the trial; whether it passed.
  bool tries(double load) {
    CapacityTrial trial = try_load(question_, setting_, knob_, load, lengthening_, threads_);
    trial.setting = number_;
    const bool passed = trial.passed;
    trials_.push_back(std::move(trial));
    (passed ? passed_ : failed_) = trials_.size() - 1;
    tried_();
    return passed;
  }

  void bracket(double load) {
    if (tries(load)) {
      for (int i = 0; i < most_doublings && !failed_; ++i) {
        const CapacityTrial& last = trials_.back();
        const auto served = summary_number(last.means, "request_throughput");
        const bool hopeless =
            knob_.unit == " /s" && served && last.load_number > hopeless_overload * *served;
        if (hopeless || last.load_number >= knob_.most) {
          break;
        }
        (void)tries(last.load_number * 2.0);
      }
      bounded_ = failed_.has_value();
      return;
    }
    for (int i = 0; i < most_halvings && !passed_; ++i) {
      const double last = trials_.back().load_number;
      if (rounded_load(knob_, last / 2.0) >= last) {
        break;
      }
      (void)tries(last / 2.0);
    }
  }

  // From a load that failed in longer runs only: the capacity cannot be far below.
  void descend() {
    double step = 1.0 + 2.0 * question_.tolerance;
    for (int i = 0; i < most_halvings + 8 && !passed_; ++i) {
      const double last = trials_[*failed_].load_number;
      if (rounded_load(knob_, last / step) >= last) {
        break;
      }
      (void)tries(last / step);
      step = std::min(2.0, step * step);
    }
  }

  void bisect() {
    while (passed_ && failed_) {
      const double low = trials_[*passed_].load_number;
      const double high = trials_[*failed_].load_number;
      const double middle = rounded_load(knob_, std::sqrt(low * high));
      if (high <= low * (1.0 + question_.tolerance) || middle <= low || middle >= high) {
        return;
      }
      (void)tries(middle);
    }
  }

  const CapacityQuestion& question_;
  Scenario setting_;
  std::int64_t number_;
  std::int64_t threads_;
  std::function<void()> tried_;
  LoadKnob knob_;
  std::int64_t lengthening_ = 1;
  std::vector<CapacityTrial> trials_;
  std::optional<std::size_t> passed_;  // the highest load known to pass
  std::optional<std::size_t> failed_;  // the lowest load above it known to fail
  bool bounded_ = true;
};

// What became of one setting.
struct Searched {
  std::vector<CapacityTrial> trials;
  CapacitySetting setting;
  LoadKnob knob;
  std::optional<Scenario> scenario;
  std::exception_ptr refused;
};

Searched search(const CapacityQuestion& question, std::int64_t number, std::int64_t threads,
                const std::function<void()>& tried) {
  Searched searched;
  try {
    Search one(question, load_point(question.settings, number).scenario, number, threads, tried);
    if (question.goal == CapacityGoal::load) {
      one.find_load();
    } else {
      one.judge_own_load();
    }
    searched = {std::move(one.trials()), one.outcome(), one.knob(), one.setting(), {}};
  } catch (const BadInput& failure) {
    CapacityTrial refusal;
    refusal.setting = number;
    refusal.decided_by = DecidedBy::refused;
    refusal.reason = failure.what();
    searched.trials = {refusal};
    searched.refused = std::current_exception();
  }
  return searched;
}

void refuse_load_axes(const CapacityQuestion& question) {
  if (question.goal != CapacityGoal::load) {
    return;
  }
  for (const std::string& path : axis_paths(question.settings)) {
    if (path == "workload.arrivals.rate" || path == "workload.arrivals.rate_scale" ||
        path == "workload.arrivals.users") {
      throw WrongUsage("capacity searches for " + path +
                       " itself: leave that axis out, or ask 'tessera sweep'");
    }
  }
}

// Of two trials that failed. Where both missed it by as much, as when no request kept it, the one
// whose requests were done sooner.
bool came_closer(const CapacityTrial& trial, const CapacityTrial& other) {
  if (trial.score != other.score) {
    return trial.score < other.score;
  }
  constexpr double never = std::numeric_limits<double>::infinity();
  return summary_number(trial.means, "mean_e2el_ms").value_or(never) <
         summary_number(other.means, "mean_e2el_ms").value_or(never);
}

// Less is better; nothing where it is not known.
std::optional<double> price_of(const CapacityQuestion& question, const CapacityTrial& trial) {
  switch (question.goal) {
    case CapacityGoal::load:
      return -trial.load_number;
    case CapacityGoal::cost:
      return trial.cost;
    case CapacityGoal::energy:
      return trial.energy;
  }
  return std::nullopt;
}

void choose_winner(const CapacityQuestion& question, CapacityAnswer& answer) {
  std::optional<double> lowest;
  for (const CapacitySetting& setting : answer.settings) {
    const auto price =
        setting.best ? price_of(question, answer.trials[*setting.best]) : std::nullopt;
    if (price && (!lowest || *price < *lowest)) {
      lowest = price;
      answer.winner = setting.best;
    }
  }
  if (answer.winner) {
    return;
  }
  for (std::size_t i = 0; i < answer.trials.size(); ++i) {
    const bool ran = answer.trials[i].decided_by != DecidedBy::refused;
    if (ran && (!answer.closest || came_closer(answer.trials[i], answer.trials[*answer.closest]))) {
      answer.closest = i;
    }
  }
}

}  // namespace

CapacityAnswer find_capacity(const CapacityQuestion& question) {
  refuse_load_axes(question);
  const std::int64_t count = question.settings.num_points;
  const std::int64_t at_once = std::min(question.threads, count);
  std::vector<Searched> searched(static_cast<std::size_t>(count));
  std::mutex counting;
  std::int64_t trials = 0;
  const auto tried = [&] {
    const std::lock_guard lock(counting);
    ++trials;
    if (question.on_progress) {
      question.on_progress(trials);
    }
  };
  for_each_in_parallel(count, at_once, [&](std::int64_t number) {
    searched[static_cast<std::size_t>(number)] =
        search(question, number, question.threads / at_once, tried);
  });
  if (std::all_of(searched.begin(), searched.end(),
                  [](const Searched& one) { return one.refused != nullptr; })) {
    std::rethrow_exception(searched.front().refused);
  }
  CapacityAnswer answer;
  for (Searched& one : searched) {
    const std::size_t first = answer.trials.size();
    const auto moved = [first](std::optional<std::size_t> index) {
      return index ? std::optional(first + *index) : std::nullopt;
    };
    answer.settings.push_back(
        {moved(one.setting.best), moved(one.setting.next), one.setting.bounded});
    answer.trials.insert(answer.trials.end(), std::make_move_iterator(one.trials.begin()),
                         std::make_move_iterator(one.trials.end()));
    answer.load_path = one.refused ? answer.load_path : one.knob.path;
  }
  choose_winner(question, answer);
  if (answer.winner) {
    const CapacityTrial& trial = answer.trials[*answer.winner];
    const Searched& one = searched[static_cast<std::size_t>(trial.setting)];
    answer.winner_yaml = resolved_yaml(at_load(*one.scenario, one.knob, trial.load_number));
  }
  return answer;
}

}  // namespace tessera
