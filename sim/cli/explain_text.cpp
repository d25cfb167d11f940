#include "sim/cli/explain_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>

#include "sim/cli/text.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/cost/operation_work.hpp"
#include "tessera/metrics/json_writer.hpp"

namespace tessera {
namespace {

std::string microseconds_of(Duration time) {
  std::string text;
  append_milliseconds(text, time * 1000);
  return text;
}

std::string whole(double count) {
  std::string text;
  append_real(text, std::nearbyint(count));
  return text;
}

double intensity(const OperationTime& row) {
  return row.bytes > 0.0 ? row.flops / row.bytes : 0.0;
}

const OperationTime* row_named(const ExplainedStep& step, std::string_view name) {
  for (const OperationTime& row : step.rows) {
    if (row.name == name) {
      return &row;
    }
  }
  return nullptr;
}

void add_cells(const OperationTime* row, std::vector<std::string>& cells) {
  if (row == nullptr) {
    cells.insert(cells.end(), 5, "");
    return;
  }
  cells.push_back(three_digits(row->flops / 1e9));
  cells.push_back(three_digits(row->bytes / 1e6));
  cells.push_back(three_digits(intensity(*row)));
  cells.push_back(fixed(row->time.to_seconds() * 1e6, 1));
  cells.emplace_back(name_of(row->bound));
}

std::string table_of(std::span<const ExplainedStep> steps) {
  Table table;
  table.column("op", Align::left);
  table.column("layers", Align::right);
  for (const ExplainedStep& step : steps) {
    const std::string side =
        steps.size() == 1 ? "" : std::string(name_of(step.question.kv_cache)) + ": ";
    for (const char* heading : {"GFLOP", "MB", "FLOP/B", "us"}) {
      table.column((*heading == 'G' ? side : "") + heading, Align::right);
    }
    table.column("bound", Align::left);
  }
  // Every operation of a side is one of the other's, but for writing to the cache.
  for (const OperationTime& row : steps.front().rows) {
    std::vector<std::string> cells{std::string(row.name), std::to_string(row.layers)};
    for (const ExplainedStep& step : steps) {
      add_cells(row_named(step, row.name), cells);
    }
    table.row(cells);
  }
  return table.text();
}

// What several operations of a step come to.
struct Share {
  double flops = 0.0;
  double bytes = 0.0;
  double seconds = 0.0;
};

Share share_of(const ExplainedStep& step, std::initializer_list<Operation> operations) {
  Share share;
  for (const Operation operation : operations) {
    if (const OperationTime* row = row_named(step, name_of(operation))) {
      share.flops += row->flops;
      share.bytes += row->bytes;
      share.seconds += row->time.to_seconds();
    }
  }
  return share;
}

std::string times_less(double with, double without) {
  return with > 0.0 ? three_digits(without / with) + " times" : "infinitely";
}

std::string gflop(double flops) {
  return three_digits(flops / 1e9) + " GFLOP";
}

std::string megabytes(double bytes) {
  return three_digits(bytes / 1e6) + " MB";
}

std::string self_attention_answer(const ExplainedStep& on, const ExplainedStep& off) {
  const auto projections = {Operation::qkv_proj, Operation::out_proj};
  const auto attention = {Operation::attention};
  const double with = share_of(on, projections).flops + share_of(on, attention).flops;
  const double without = share_of(off, projections).flops + share_of(off, attention).flops;
  return "  self-attention  " + gflop(with) + " instead of " + gflop(without) + ", " +
         times_less(with, without) + " less: projections " +
         times_less(share_of(on, projections).flops, share_of(off, projections).flops) +
         ", scores and values " +
         times_less(share_of(on, attention).flops, share_of(off, attention).flops) + "\n";
}

std::string mlp_answer(const ExplainedStep& on, const ExplainedStep& off) {
  const auto mlp = {Operation::mlp_up, Operation::mlp_act, Operation::mlp_down};
  const Share with = share_of(on, mlp);
  const Share without = share_of(off, mlp);
  return "  MLP             " + gflop(with.flops) + " instead of " + gflop(without.flops) + ", " +
         times_less(with.flops, without.flops) +
         " less, for the same weights read: intensity falls from " +
         three_digits(without.flops / without.bytes) + " to " +
         three_digits(with.flops / with.bytes) + " FLOP/B, time from " +
         human_seconds(without.seconds) + " to " + human_seconds(with.seconds) + "\n";
}

std::string traffic_answer(const ExplainedStep& on, const ExplainedStep& off) {
  const OperationTime& with = on.rows.back();
  const OperationTime& without = off.rows.back();
  const Share cache = share_of(on, {Operation::attention, Operation::kv_write});
  return "  data moved      " + megabytes(with.bytes) + " instead of " + megabytes(without.bytes) +
         ", of them " + megabytes(cache.bytes) + " to read and extend the cache; " +
         three_digits(intensity(with)) + " FLOP/B instead of " + three_digits(intensity(without)) +
         ", bound by " + std::string(name_of(with.bound)) + " instead of " +
         std::string(name_of(without.bound)) + "\n" + "  the step        " +
         human_seconds(with.time.to_seconds()) + " instead of " +
         human_seconds(without.time.to_seconds()) + "\n";
}

// The three questions: what the cache saves in self-attention, what it does to the MLP, and what to
// the data moved. A cost model without FLOPs has no answers.
std::string answers(const ExplainedStep& on, const ExplainedStep& off) {
  if (!(on.rows.back().flops > 0.0)) {
    return "";
  }
  const bool nothing_before =
      on.question.phase == Phase::prefill && on.question.context == Tokens{0};
  if (nothing_before) {
    const Share cache = share_of(on, {Operation::kv_write});
    return "\nNothing was computed before a prefill: the KV cache saves no FLOPs yet, and costs " +
           megabytes(cache.bytes) + " of traffic to fill.\n";
  }
  return "\nWhat the KV cache does:\n" + self_attention_answer(on, off) + mlp_answer(on, off) +
         traffic_answer(on, off);
}

std::string heading_of(const Scenario& scenario, const StepQuestion& question, StepExtent extent) {
  std::string text = "One " + std::string(extent == StepExtent::layer ? "layer of a " : "") +
                     std::string(name_of(question.phase)) +
                     (extent == StepExtent::layer ? "" : " step") + " of " + scenario.model.name +
                     " on " + scenario.hardware.gpu.name + ": " +
                     counted(question.batch, "sequence") + ", ";
  if (question.phase == Phase::decode) {
    text += counted(question.context.count(), "token") + " of context each";
  } else {
    text += counted(question.new_tokens.count(), "new token") + " each";
    if (question.context > Tokens{0}) {
      text += " after " + grouped(question.context.count());
    }
  }
  const PrecisionSpec& precision = scenario.precision;
  return text + "\nweights " + std::string(name_of(precision.weights)) + ", KV cache " +
         std::string(name_of(precision.kv_cache)) + ", arithmetic " +
         std::string(name_of(precision.compute)) + "\n";
}

std::string ridge_line(const Scenario& scenario) {
  const RidgePoint ridge = ridge_point(scenario.hardware.gpu, scenario.precision);
  return "Ridge point of the " + scenario.hardware.gpu.name + " in " +
         std::string(name_of(scenario.precision.compute)) + ": " + three_digits(ridge.sheet) +
         " FLOP/B by its data sheet, " + three_digits(ridge.reached) +
         " by what kernels reach. Below it memory bounds a product, above it arithmetic.\n";
}

std::string real(double value) {
  std::string text;
  append_real(text, value);
  return text;
}

}  // namespace

std::string explained_csv(const ExplainedStep& step) {
  std::string text = "op,phase,flops,bytes,time_us,bound,layers\n";
  for (const OperationTime& row : step.rows) {
    text += std::string(row.name) + "," + std::string(row.phase) + "," + whole(row.flops) + "," +
            whole(row.bytes) + "," + microseconds_of(row.time) + "," +
            std::string(name_of(row.bound)) + "," + std::to_string(row.layers) + "\n";
  }
  return text;
}

std::string explained_json(const Scenario& scenario, std::span<const ExplainedStep> steps) {
  const StepQuestion& question = steps.front().question;
  const RidgePoint ridge = ridge_point(scenario.hardware.gpu, scenario.precision);
  JsonWriter json;
  json.string("gpu", scenario.hardware.gpu.name);
  json.string("model", scenario.model.name);
  json.string("phase", name_of(question.phase));
  json.integer("batch", question.batch);
  json.integer("context", question.context.count());
  json.integer("new_tokens", question.phase == Phase::decode ? 1 : question.new_tokens.count());
  json.open_object("ridge_point");
  json.value("sheet", real(ridge.sheet));
  json.value("reached", real(ridge.reached));
  json.close();
  json.open_object("kv_cache");
  for (const ExplainedStep& step : steps) {
    json.open_object(name_of(step.question.kv_cache));
    for (const OperationTime& row : step.rows) {
      json.open_object(row.name);
      json.value("flops", whole(row.flops));
      json.value("bytes", whole(row.bytes));
      json.value("intensity", row.bytes > 0.0 ? real(intensity(row)) : "");
      json.value("time_us", microseconds_of(row.time));
      json.string("bound", name_of(row.bound));
      json.integer("layers", row.layers);
      json.close();
    }
    json.close();
  }
  return json.finish();
}

std::string explained_text(const Scenario& scenario, std::span<const ExplainedStep> steps,
                           StepExtent extent) {
  std::string text = heading_of(scenario, steps.front().question, extent);
  if (steps.size() > 1) {
    text +=
        "on: with the KV cache; off: without it, every token of every sequence computed again\n";
  }
  text += "\n" + table_of(steps);
  if (steps.size() > 1) {
    text += answers(steps[0], steps[1]);
  }
  return text + "\n" + ridge_line(scenario);
}

}  // namespace tessera
