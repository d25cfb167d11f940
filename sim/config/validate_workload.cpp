// Rules about the requests that arrive: lengths that can be drawn and fit, files, an end.
#include <algorithm>
#include <string>
#include <variant>

#include "sim/config/files.hpp"
#include "sim/config/rules.hpp"
#include "sim/config/scalar.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

constexpr double most_requests = 1e12;

Tokens least_of(const std::optional<LengthSpec>& length) {
  return length ? bounds_of(*length).least : Tokens{1};
}

double rate_of(const ArrivalSpec& arrivals) {
  return std::visit(
      [](const auto& spec) {
        if constexpr (requires { spec.rate; }) {
          return spec.rate.value();
        } else {
          return 0.0;
        }
      },
      arrivals);
}

}  // namespace

LengthBounds bounds_of(const LengthSpec& length) {
  if (const auto* fixed = std::get_if<FixedLength>(&length)) {
    return {fixed->tokens, fixed->tokens};
  }
  return std::visit(
      [](const auto& spec) -> LengthBounds {
        if constexpr (requires { spec.min; }) {
          return {spec.min, spec.max};
        } else {
          return {};
        }
      },
      length);
}

void Rules::check_workload() {
  check_length("workload.prompt_tokens", scenario_.workload.prompt_tokens);
  check_length("workload.output_tokens", scenario_.workload.output_tokens);
  check_length("workload.max_output_tokens", scenario_.workload.max_output_tokens);
  check_lengths_fit();
  check_what_traces_lack();
  check_sampling();
  check_amount();
  check_files();
}

void Rules::check_length(std::string_view path, const std::optional<LengthSpec>& length) {
  if (!length || !sound({path})) {
    return;
  }
  const LengthBounds bounds = bounds_of(*length);
  if (bounds.least > bounds.greatest) {
    fault(join_path(path, "min"), "the shortest length (" + text_of(bounds.least) +
                                      ") is above the longest (" + text_of(bounds.greatest) + ")");
  }
}

// Only what is certain: a drawn length that does not fit is a result, not an error.
void Rules::check_lengths_fit() {
  const WorkloadSpec& workload = scenario_.workload;
  if (!sound({"workload", "engine.max_model_len", "model"})) {
    return;
  }
  const Tokens longest = scenario_.max_model_len();
  const Tokens prompt = least_of(workload.prompt_tokens);
  const Tokens output = workload.max_output_tokens ? std::min(least_of(workload.output_tokens),
                                                              least_of(workload.max_output_tokens))
                                                   : least_of(workload.output_tokens);
  if (prompt >= longest) {
    fault("workload.prompt_tokens", "a prompt of " + text_of(prompt) +
                                        " tokens or more never fits max_model_len (" +
                                        text_of(longest) + ") with a token of output");
    return;
  }
  if (!workload.max_total_tokens && prompt + output > longest) {
    fault("workload.output_tokens",
          "a prompt of at least " + text_of(prompt) + " and an output of at least " +
              text_of(output) + " tokens never fit max_model_len (" + text_of(longest) + ")");
  }
}

// Recorded prompts are as they were: only generated ones are made longer.
void Rules::check_what_traces_lack() {
  const WorkloadSpec& workload = scenario_.workload;
  if (!std::holds_alternative<TraceArrivals>(workload.arrivals)) {
    return;
  }
  if (workload.conversations) {
    fault("workload.conversations",
          "a trace has its own turns; leave conversations out, or generate the arrivals: poisson, "
          "gamma, weibull, constant, burst or closed_loop");
  }
  if (workload.shared_prefixes && !workload.prompt_tokens) {
    fault("workload.shared_prefixes",
          "the trace's prompts have their own contents; give prompt_tokens, so that prompts are "
          "drawn");
  }
}

void Rules::check_sampling() {
  const auto& sampling = scenario_.workload.sampling;
  if (!sampling || !sound({"workload.sampling", "engine.policy", "engine.kv_cache"})) {
    return;
  }
  if (sampling->num_sequences() < sampling->n) {
    fault("workload.sampling.best_of", "of " + std::to_string(*sampling->best_of) +
                                           " sequences no " + std::to_string(sampling->n) +
                                           " can be returned; take at least n");
  }
  if (sampling->num_sequences() == 1) {
    return;
  }
  const GroupKind kind = sampling->use_beam_search ? GroupKind::beams : GroupKind::independent;
  const std::string why = why_no_groups(scenario_.engine.policy, scenario_.engine.kv_cache, kind);
  if (!why.empty()) {
    fault("workload.sampling", why);
  }
  if (traits_of(scenario_.engine.policy).splits_groups) {
    if (sampling->num_sequences() > sampling->n) {
      fault("workload.sampling.best_of",
            "vllm_v1 returns every sequence that it samples; give n alone, or take the policy "
            "vllm_v0");
    }
    return;
  }
  const std::int64_t most = traits_of(scenario_.engine.policy).max_num_seqs;
  if (sampling->num_sequences() > most) {
    fault("workload.sampling", "a request of " + std::to_string(sampling->num_sequences()) +
                                   " sequences never runs where " + std::to_string(most) +
                                   " may run at once; raise engine.policy.max_num_seqs");
  }
  const GpuSpec& gpu = scenario_.hardware.gpu;
  if (gpu.link_measured.value() <= 0.0 && gpu.link_bandwidth.value() <= 0.0) {
    fault("workload.sampling",
          "vllm_v0 swaps out requests of several sequences, and the GPU's link_bandwidth is "
          "unknown; give it");
  }
}

void Rules::check_amount() {
  const WorkloadSpec& workload = scenario_.workload;
  if (!sound({"workload.arrivals", "workload.requests", "workload.duration"})) {
    return;
  }
  const bool burst = std::holds_alternative<BurstArrivals>(workload.arrivals);
  const bool closed_loop = std::holds_alternative<ClosedLoopArrivals>(workload.arrivals);
  if (burst && !workload.requests) {
    fault("workload.arrivals", "a burst needs the number of its requests: workload.requests");
  }
  if (closed_loop && !workload.requests && !workload.duration) {
    fault("workload.arrivals",
          "a closed loop needs an end: workload.requests or workload.duration");
  }
  if (workload.duration && !workload.requests &&
      rate_of(workload.arrivals) * workload.duration->to_seconds() > most_requests) {
    fault("workload.duration",
          "more than 1e12 requests would arrive; shorten it, or lower the rate");
  }
}

void Rules::check_files() {
  const WorkloadSpec& workload = scenario_.workload;
  const auto* trace = std::get_if<TraceArrivals>(&workload.arrivals);
  if (trace != nullptr && sound({"workload.arrivals"})) {
    check_file("workload.arrivals.file", trace->file.path);
  }
  const auto check_empirical = [&](std::string_view path, const std::optional<LengthSpec>& length) {
    const auto* empirical = length ? std::get_if<EmpiricalLength>(&*length) : nullptr;
    if (empirical != nullptr && sound({path})) {
      check_file(join_path(path, "file"), empirical->file.path);
    }
  };
  check_empirical("workload.prompt_tokens", workload.prompt_tokens);
  check_empirical("workload.output_tokens", workload.output_tokens);
  check_empirical("workload.max_output_tokens", workload.max_output_tokens);
}

}  // namespace tessera
