#include "sim/cost/share_ratios.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>

#include "tessera/core/contract.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

constexpr std::array<Operation, 4> products{Operation::qkv_proj, Operation::out_proj,
                                            Operation::mlp_up, Operation::mlp_down};

bool is_product(Operation operation) {
  return std::find(products.begin(), products.end(), operation) != products.end();
}

double mean(const std::vector<double>& times) {
  return std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
}

// Straight lines between the measured points; the outermost ones beyond them.
double measured_at(const std::map<std::int64_t, std::vector<double>>& times, std::int64_t tokens) {
  const auto above = times.lower_bound(tokens);
  if (above == times.end()) {
    return mean(times.rbegin()->second);
  }
  if (above->first == tokens || above == times.begin()) {
    return mean(above->second);
  }
  const auto below = std::prev(above);
  const double low = mean(below->second);
  const double way =
      static_cast<double>(tokens - below->first) / static_cast<double>(above->first - below->first);
  return low + way * (mean(above->second) - low);
}

double distance(const OperationShape& a, const OperationShape& b) {
  return std::hypot(std::log2(a.inputs / b.inputs), std::log2(a.outputs / b.outputs));
}

std::string text_of(const OperationShape& shape) {
  return std::to_string(std::llround(shape.inputs)) + " to " +
         std::to_string(std::llround(shape.outputs));
}

}  // namespace

OperationShape shape_of_operation(Operation operation, const ModelSpec& model) {
  const auto hidden = static_cast<double>(model.hidden);
  const auto query = static_cast<double>(model.query_width());
  const auto key_value = static_cast<double>(model.key_value_width());
  const auto mlp = static_cast<double>(model.mlp_width());
  switch (operation) {
    case Operation::qkv_proj:
      return {hidden, query + 2.0 * key_value};
    case Operation::out_proj:
      return {query, hidden};
    case Operation::mlp_up:
      return {hidden, model.mlp == MlpKind::gated ? 2.0 * mlp : mlp};
    case Operation::mlp_down:
      return {mlp, hidden};
    case Operation::rope:
      return {query + key_value, query + key_value};
    case Operation::mlp_act:
      return {mlp, mlp};
    default:
      return {hidden, hidden};
  }
}

ShareRatios::ShareRatios(const KernelTables& tables, const ModelSpec& model,
                         const MakeRoofline& roofline, Outside outside)
    : tables_(tables), outside_(outside) {
  for (const MeasuredShare& share : tables.shares) {
    rooflines_.push_back(roofline(share.layer, RankPlace{}));
  }
  for (const Operation operation : token_operations) {
    if (auto voices = voices_for(operation, model, outside); !voices.empty()) {
      voices_[operation] = std::move(voices);
    }
  }
}

std::vector<ShareRatios::Voice> ShareRatios::voices_for(Operation operation, const ModelSpec& model,
                                                        Outside outside) const {
  const OperationShape wanted = shape_of_operation(operation, model);
  std::vector<Voice> voices;
  OperationShape least{1e18, 1e18};
  OperationShape most;
  for (std::size_t i = 0; i < tables_.shares.size(); ++i) {
    const MeasuredShare& share = tables_.shares[i];
    for (const auto& [measured, times] : share.times) {
      const bool alike = measured == operation || (is_product(measured) && is_product(operation));
      // A gated activation reads two numbers for one that it writes, a plain one one.
      const bool another_kernel = operation == Operation::mlp_act && share.layer.mlp != model.mlp;
      if (!alike || another_kernel) {
        continue;
      }
      const OperationShape shape = shape_of_operation(measured, share.layer);
      if (shape == wanted && measured == operation) {
        return {{i, measured, 1.0}};
      }
      least = {std::min(least.inputs, shape.inputs), std::min(least.outputs, shape.outputs)};
      most = {std::max(most.inputs, shape.inputs), std::max(most.outputs, shape.outputs)};
      constexpr double alike_enough = 1e-3;  // octaves: another product of the very same shape
      voices.push_back({i, measured, 1.0 / std::max(distance(shape, wanted), alike_enough)});
    }
  }
  const bool within = wanted.inputs >= least.inputs && wanted.inputs <= most.inputs &&
                      wanted.outputs >= least.outputs && wanted.outputs <= most.outputs;
  if (!voices.empty() && !within && is_product(operation) && outside == Outside::refused) {
    throw BadInput(Place{tables_.linear_file, 0, 0},
                   std::string(name_of(operation)) + " from " + text_of(wanted) +
                       " numbers lies outside the measured shapes, " + text_of(least) +
                       " at the "
                       "least and " +
                       text_of(most) +
                       " at the most; cost.extrapolate: true goes on with the nearest ones");
  }
  double sum = 0.0;
  for (const Voice& voice : voices) {
    sum += voice.weight;
  }
  for (Voice& voice : voices) {
    voice.weight /= sum;
  }
  return voices;
}

// The step cut to the tokens that were measured, where it has more.
StepShape ShareRatios::measured_part(const Voice& voice, const StepShape& shape) const {
  const auto& times = tables_.shares[voice.share].times.at(voice.operation);
  const std::int64_t least = times.begin()->first;
  const std::int64_t most = times.rbegin()->first;
  const bool is_below = shape.tokens().count() < least && least > smallest_tile;
  if (shape.tokens().count() <= most && !is_below) {
    return shape;
  }
  if (outside_ == Outside::refused) {
    throw BadInput(Place{tables_.linear_file, 0, 0},
                   "no time for " + std::string(name_of(voice.operation)) + " of " +
                       std::to_string(shape.tokens().count()) + " tokens: it was measured from " +
                       std::to_string(least) + " up to " + std::to_string(most) +
                       "; cost.extrapolate: true goes on as the roofline does");
  }
  if (is_below) {
    return shape;  // the roofline's time, in the proportion of the first point
  }
  StepShape part = shape;
  part.prefill_tokens = std::min(part.prefill_tokens, Tokens{most});
  part.decode_sequences = most - part.prefill_tokens.count();
  return part;
}

double ShareRatios::log_ratio(const Voice& voice, const StepShape& shape) const {
  const StepShape part = measured_part(voice, shape);
  const auto& times = tables_.shares[voice.share].times.at(voice.operation);
  const double measured = measured_at(times, part.tokens().count());
  for (const OperationTime& row : rooflines_[voice.share]->operations(part)) {
    if (row.name == name_of(voice.operation)) {
      return std::log(measured / row.time.to_seconds());
    }
  }
  TESSERA_INVARIANT(false, "the roofline has every operation that was measured");
  return 0.0;
}

const std::map<Operation, double>& ShareRatios::of(const StepShape& shape) {
  const auto [known, fresh] =
      known_.try_emplace(std::pair{shape.prefill_tokens.count(), shape.decode_sequences});
  if (fresh) {
    StepShape plain;
    plain.prefill_tokens = shape.prefill_tokens;
    plain.prefill_sequences = shape.prefill_sequences;
    plain.decode_sequences = shape.decode_sequences;
    for (const auto& [operation, voices] : voices_) {
      double sum = 0.0;
      for (const Voice& voice : voices) {
        sum += voice.weight * log_ratio(voice, plain);
      }
      known->second[operation] = std::exp(sum);
    }
  }
  return known->second;
}

}  // namespace tessera
