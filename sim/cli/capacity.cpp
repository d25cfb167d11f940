// tessera capacity: the highest load, or the cheapest setting, that keeps the promised latencies.

#include "tessera/study/capacity.hpp"

#include <algorithm>
#include <charconv>

#include "sim/cli/answer.hpp"
#include "sim/cli/interruption.hpp"
#include "sim/cli/output_options.hpp"
#include "sim/cli/progress.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/cli/sweep_options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/study/manifest.hpp"

namespace tessera {
namespace {

constexpr std::int64_t most_replications = 1000;
constexpr std::int64_t most_lengthening = 1'000'000;

double share_of(const GivenOptions& given, const std::string& option, double otherwise) {
  const auto text = given.text(option);
  if (!text) {
    return otherwise;
  }
  double value = 0.0;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || !(value >= 1e-6 && value <= 0.999999)) {
    throw WrongUsage("--" + option + " needs a number between 0 and 1, such as " +
                     (option == "tolerance" ? "0.02" : "0.95") + ", not '" + *text + "'");
  }
  return value;
}

CapacityGoal goal_of(const GivenOptions& given) {
  const std::string text = given.text("find").value_or("load");
  const auto& names = EnumNames<CapacityGoal>::names;
  const auto* const found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    throw WrongUsage("--find is one of load, cost, energy, not '" + text + "'");
  }
  return static_cast<CapacityGoal>(found - names.begin());
}

CapacityQuestion question_of(const GivenOptions& given) {
  CapacityQuestion question;
  question.goal = goal_of(given);
  question.tolerance = share_of(given, "tolerance", question.tolerance);
  question.confidence = share_of(given, "confidence", question.confidence);
  question.replications =
      given.number("replications", 1, most_replications).value_or(question.replications);
  question.most_lengthening =
      given.number("lengthen", 1, most_lengthening).value_or(question.most_lengthening);
  question.threads = jobs_of(given);
  question.settings =
      plan_settings(scenario_text(given), scenario_overrides(given), varied_axes(given));
  return question;
}

std::string real_or_dash(const std::optional<double>& number) {
  return number ? three_digits(*number) : "-";
}

std::string latency(const Summary& means, const char* column) {
  const auto milliseconds = number_in(means, column);
  return milliseconds ? human_seconds(*milliseconds / 1e3) : "-";
}

std::vector<std::string> setting_row(const CapacityQuestion& question, const CapacityAnswer& answer,
                                     std::size_t number) {
  const CapacitySetting& setting = answer.settings[number];
  const auto point = static_cast<std::int64_t>(number);
  std::vector<std::string> cells{setting.best && setting.best == answer.winner ? "*" : ""};
  for (const std::string& value : point_values(question.settings, point)) {
    cells.push_back(value);
  }
  if (!setting.best) {
    cells.insert(cells.end(), {"none", "-", "-", "-", "-", "-"});
    return cells;
  }
  const CapacityTrial& trial = answer.trials[*setting.best];
  cells.push_back((setting.bounded ? "" : "over ") + trial.load);
  cells.push_back(real_or_dash(number_in(trial.means, "output_throughput")));
  cells.push_back(latency(trial.means, "p99_ttft_ms"));
  cells.push_back(latency(trial.means, "p99_tpot_ms"));
  cells.push_back(real_or_dash(trial.cost));
  cells.push_back(real_or_dash(trial.energy));
  return cells;
}

std::string table_of(const CapacityQuestion& question, const CapacityAnswer& answer) {
  Table table;
  table.column("", Align::left);
  for (const std::string& path : axis_paths(question.settings)) {
    table.column(path.substr(path.rfind('.') + 1), Align::right);
  }
  for (const char* heading :
       {"load", "out tok/s", "TTFT p99", "TPOT p99", "USD/Mtok", "kWh/Mtok"}) {
    table.column(heading, Align::right);
  }
  for (std::size_t i = 0; i < answer.settings.size(); ++i) {
    table.row(setting_row(question, answer, i));
  }
  return table.text();
}

// "engine.policy.max_num_seqs=16, workload.arrivals.rate=1.2 /s"
std::string place_of(const CapacityQuestion& question, const CapacityAnswer& answer,
                     const CapacityTrial& trial) {
  const std::string settings = point_settings(question.settings, trial.setting);
  return settings + (settings.empty() ? "" : ", ") + answer.load_path + "=" + trial.load;
}

std::string trial_line(const CapacityQuestion& question, const CapacityTrial& trial) {
  std::string line = trial.reason + "; " + counted(trial.replications, "run") + " of " +
                     counted(trial.requests, "request");
  if (trial.decided_by == DecidedBy::confidence) {
    line += ", decided with " + percent(question.confidence) + " confidence";
  } else if (trial.decided_by == DecidedBy::tolerance) {
    line += ", its mean known to within the tolerance";
  } else {
    line += ", decided by the mean";
  }
  return line;
}

std::string answer_text(const CapacityQuestion& question, const CapacityAnswer& answer) {
  if (!answer.winner) {
    return "";
  }
  const CapacityTrial& best = answer.trials[*answer.winner];
  const CapacitySetting& setting = answer.settings[static_cast<std::size_t>(best.setting)];
  std::string text = question.goal == CapacityGoal::load   ? "Highest load that meets the SLO: "
                     : question.goal == CapacityGoal::cost ? "Cheapest setting that meets the SLO: "
                                                           : "Setting of the least energy that "
                                                             "meets the SLO: ";
  text += place_of(question, answer, best) + "\n  passes: " + trial_line(question, best) + "\n";
  if (question.goal == CapacityGoal::load && setting.next) {
    const CapacityTrial& next = answer.trials[*setting.next];
    text += "  " + next.load + " fails: " + trial_line(question, next) + "\n";
  } else if (question.goal == CapacityGoal::load) {
    text += "  and no load fails in runs of this length: promise less, or run for longer\n";
  }
  return text;
}

void write_files(const CapacityQuestion& question, const CapacityAnswer& answer,
                 OutputFolder& folder, const std::string& manifest) {
  folder.write("ledger.csv", ledger_csv(question, answer));
  folder.write("pareto.csv", pareto_csv(question, answer));
  if (answer.winner) {
    folder.write("winner.yaml", answer.winner_yaml);
  }
  folder.write("manifest.json", manifest);
  folder.commit();
}

CapacityAnswer search(CapacityQuestion& question, const GivenOptions& given) {
  ProgressBar bar("trials",
                  given.has("quiet") ? ProgressBar::Show::never : ProgressBar::Show::if_terminal);
  // A guess, for the bar alone: bracketing, bisection, confirmation.
  constexpr std::int64_t usual_trials = 12;
  const std::int64_t expected =
      question.settings.num_points * (question.goal == CapacityGoal::load ? usual_trials : 1);
  question.on_progress = [&bar, expected](std::int64_t trials) {
    bar.update(trials, std::max(expected, trials + 1));
  };
  CapacityAnswer answer = find_capacity(question);
  question.on_progress = nullptr;
  return answer;
}

}  // namespace

VerbOptions capacity_options() {
  VerbOptions options({
      .synopsis = "tessera capacity [SCENARIO] [--vary PATH=VALUE,VALUE…]… [options]",
      .about = "Finds the highest load that meets the scenario's 'slo:' (the arrival rate, a "
               "trace's rate_scale, or the users\nof a closed loop), for every setting of its "
               "'sweep:' mapping and of --vary: by bracketing and bisection,\neach load in several "
               "runs with seeds of their own, longer ones while the verdict is not clear. With "
               "--find cost\nor energy, the setting that meets the SLO at the scenario's own load "
               "for the least a token; energy is\ncounted at the board's power limit. -o keeps "
               "ledger.csv, every load tried and why it passed or failed,\npareto.csv, and "
               "winner.yaml.",
      .examples = "  tessera capacity scenarios/t4_llama7b_int8.yaml -o out/c\n"
                  "  tessera capacity scenarios/t4_llama7b_int8.yaml --vary "
                  "engine.policy.max_num_seqs=16,64 --tolerance 0.01\n"
                  "  tessera capacity --model opt-2.7b --set 'slo={ttft: {p99: 2 s}, tpot: {p90: "
                  "100 ms}}' --vary hardware.gpu=t4,l4,a10g --find cost\n",
  });
  add_axis_options(options);
  options.value("find", "WHAT", "load, cost or energy (load)")
      .value("tolerance", "SHARE", "of the load that is found (0.02)")
      .value("confidence", "SHARE", "of a verdict on one load (0.95)")
      .value("replications", "N", "runs of one load, with seeds one after another (5)")
      .value("lengthen", "N", "runs may be so many times as long as the scenario's (16)")
      .value("jobs,j", "N", "threads (default: as many as the machine runs at once)");
  add_scenario_options(options);
  add_output_options(options);
  return options;
}

int capacity_verb(const Invocation& invocation) {
  const auto given = capacity_options().parse(invocation.arguments, {0, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const Stopwatch stopwatch;
  CapacityQuestion question = question_of(*given);
  CapacityAnswer answer;
  if (const auto output = output_folder(*given)) {
    const Interruption interruption(output->staging());
    answer = search(question, *given);
    write_files(question, answer, *output, study_manifest({invocation.command_line}, stopwatch));
  } else {
    answer = search(question, *given);
  }
  const std::string text = answer_text(question, answer);
  print(table_of(question, answer) + (text.empty() ? "" : "\n" + text));
  if (const auto folder = given->text("output")) {
    print("\nEvery load that was tried is in " + *folder + "/ledger.csv" +
          (answer.winner ? "; run the answer with: tessera run " + *folder + "/winner.yaml" : "") +
          "\n");
  }
  if (!answer.winner) {
    const std::string what = question.goal == CapacityGoal::load ? "no load" : "no setting";
    std::string closest;
    if (answer.closest) {
      const CapacityTrial& trial = answer.trials[*answer.closest];
      closest = "; closest is " + place_of(question, answer, trial) + ": " +
                trial_line(question, trial) + "; TTFT p99 " + latency(trial.means, "p99_ttft_ms") +
                ", TPOT p99 " + latency(trial.means, "p99_tpot_ms");
    }
    complain("error: " + what + " meets the SLO" + closest);
    return ExitStatus::some_failed;
  }
  return ExitStatus::done;
}

}  // namespace tessera
