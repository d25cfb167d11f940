#include "sim/config/validate.hpp"

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <string>
#include <variant>

#include "sim/config/files.hpp"
#include "sim/config/fit_advice.hpp"
#include "sim/config/overrides.hpp"
#include "sim/config/scalar.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

constexpr double most_requests = 1e12;

// The rules, and what they need to report.
class Rules {
 public:
  Rules(const Scenario& scenario, const Node& tree, Problems& problems)
      : scenario_(scenario), tree_(tree), problems_(problems) {}

  void check_all() {
    check_contradictions();
    check_combination();
    check_precision();
    check_parallel();
    check_pipeline();
    check_links();
    check_context();
    check_policy();
    check_token_budget();
    check_length("workload.prompt_tokens", scenario_.workload.prompt_tokens);
    check_length("workload.output_tokens", scenario_.workload.output_tokens);
    check_length("workload.max_output_tokens", scenario_.workload.max_output_tokens);
    check_lengths_fit();
    check_what_traces_lack();
    check_sampling();
    check_amount();
    check_files();
    check_memory();
    check_not_modelled();
  }

  void check_step() {
    check_contradictions();
    check_precision();
    check_cost_files();
  }

 private:
  void fault(std::string_view path, std::string message) {
    const Place place = place_of(tree_, path);
    problems_.error(place, path, prefix(place, path) + std::move(message));
  }

  [[nodiscard]] bool sound(std::initializer_list<std::string_view> paths) const {
    return std::all_of(paths.begin(), paths.end(),
                       [&](std::string_view path) { return problems_.sound(path); });
  }

  void check_contradictions();
  void check_not_modelled();
  void check_parallel();
  void check_pipeline();
  void check_links();
  void check_precision();
  void check_format(std::string_view path, std::string_view format, Flops peak);
  void check_context();
  void check_combination();
  void check_kv_cache();
  void check_blocks();
  void check_pool_in_bytes();
  void check_policy();
  void check_token_budget();
  void check_length(std::string_view path, const std::optional<LengthSpec>& length);
  void check_lengths_fit();
  void check_what_traces_lack();
  void check_sampling();
  void check_amount();
  void check_file(std::string_view path, const std::string& file);
  void check_files();
  void check_cost_files();
  void check_memory();
  void check_pool(const MemoryPlan& plan);

  const Scenario& scenario_;
  const Node& tree_;
  Problems& problems_;
};

void Rules::check_contradictions() {
  if (sound({"hardware.gpu"})) {
    for (const std::string& why : contradictions(scenario_.hardware.gpu)) {
      fault("hardware.gpu", why);
    }
  }
  if (sound({"model"})) {
    for (const std::string& why : contradictions(scenario_.model)) {
      fault("model", why);
    }
  }
}

void Rules::check_not_modelled() {
  if (sound({"model"}) && scenario_.model.kind == ModelKind::encoder) {
    fault("model", "'" + scenario_.model.name +
                       "' is an encoder, and an encoder does not generate; take a decoder");
  }
}

void Rules::check_parallel() {
  if (!sound({"hardware.count", "engine.parallel", "model", "precision"})) {
    return;
  }
  const ParallelSpec& parallel = scenario_.engine.parallel;
  const WeightFormat weights = scenario_.precision.weights;
  for (const std::string& why : why_not_shared(scenario_.model, weights, {parallel.tensor, 1})) {
    fault("engine.parallel.tensor", why);
  }
  for (const std::string& why : why_not_shared(scenario_.model, weights, {1, parallel.pipeline})) {
    fault("engine.parallel.pipeline", why);
  }
  const std::int64_t count = scenario_.hardware.count;
  const std::string degrees = "tensor (" + std::to_string(parallel.tensor) + ") x pipeline (" +
                              std::to_string(parallel.pipeline) + ") x replicas (" +
                              std::to_string(parallel.replicas) + ")";
  if (parallel.devices() > count) {
    fault("engine.parallel",
          degrees + " needs " + std::to_string(parallel.devices()) +
              " GPUs, and hardware.count is " + std::to_string(count) +
              "; lower a degree, or set hardware.count: " + std::to_string(parallel.devices()));
  } else if (parallel.devices() < count && sound({"engine.parallel"})) {
    problems_.note(place_of(tree_, "hardware"), std::to_string(count - parallel.devices()) +
                                                    " of " + std::to_string(count) +
                                                    " GPUs stay idle: " + degrees + " uses " +
                                                    std::to_string(parallel.devices()));
  }
}

template <class... Specs>
std::vector<std::string> policies_that_fill_pipelines(As<std::variant<Specs...>> /*type*/) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view kind, const PolicyTraits& traits) {
    if (traits.fills_pipelines) {
      names.emplace_back(kind);
    }
  };
  (add(Specs::kind, Specs{}.traits()), ...);
  return names;
}

void Rules::check_pipeline() {
  if (!sound({"engine.parallel", "engine.policy"}) || scenario_.engine.parallel.pipeline == 1) {
    return;
  }
  if (!traits_of(scenario_.engine.policy).fills_pipelines) {
    fault("engine.parallel.pipeline",
          "the policy '" + std::string(kind_of(scenario_.engine.policy)) +
              "' has one batch in flight, which leaves all stages but one idle; take " +
              listed(policies_that_fill_pipelines(As<PolicySpec>{})));
  }
  const auto* v1 = std::get_if<VllmV1Spec>(&scenario_.engine.policy);
  if (v1 != nullptr && v1->async_scheduling) {
    fault("engine.policy.async_scheduling",
          "the stages of a pipeline have a batch each, and wait for its tokens; take false");
  }
}

void Rules::check_links() {
  const ParallelSpec& parallel = scenario_.engine.parallel;
  const bool communicates = parallel.degrees().devices() > 1;
  if (!sound({"hardware", "engine.parallel"}) || !communicates ||
      std::holds_alternative<AffineCostSpec>(scenario_.cost)) {
    return;
  }
  const GroupLink link =
      link_of(scenario_.hardware, {0, parallel.degrees().devices()}, parallel.devices());
  if (!(link.bytes_per_second > 0.0)) {
    fault("hardware.link.bandwidth",
          "the GPUs of an engine communicate, and the bandwidth between them is not known; give "
          "it, or hardware.gpu.link_measured");
  }
}

Flops peak_of(const PeakRates& peak, ComputeFormat format) {
  switch (format) {
    case ComputeFormat::fp32:
      return peak.fp32;
    case ComputeFormat::fp16:
      return peak.fp16;
    case ComputeFormat::bf16:
      return peak.bf16;
    case ComputeFormat::int8:
      return peak.int8;
    case ComputeFormat::int4:
      return peak.int4;
  }
  return {};
}

void Rules::check_precision() {
  if (!sound({"precision", "hardware.gpu"})) {
    return;
  }
  const PeakRates& peak = scenario_.hardware.gpu.peak;
  const ComputeFormat compute = scenario_.precision.compute;
  check_format("precision.compute", name_of(compute), peak_of(peak, compute));
  if (scenario_.precision.weights == WeightFormat::bf16) {
    check_format("precision.weights", "bf16", peak.bf16);
  }
}

void Rules::check_format(std::string_view path, std::string_view format, Flops peak) {
  if (peak > Flops{0.0}) {
    return;
  }
  const std::string gpu = "the " + scenario_.hardware.gpu.name;
  if (format == "bf16") {
    fault(path, gpu + " only emulates bf16; " +
                    (path == "precision.weights" ? "load the weights as fp16" : "use fp16"));
    return;
  }
  fault(path, gpu + " has no " + std::string(format) + " arithmetic (hardware.gpu.peak." +
                  std::string(format) + " is 0); use fp16");
}

void Rules::check_context() {
  const std::int64_t positions = scenario_.model.positions;
  const auto limit = scenario_.engine.max_model_len;
  if (!sound({"engine.max_model_len", "model"}) || !limit || positions == 0 ||
      limit->count() <= positions) {
    return;
  }
  const bool learned = scenario_.model.position == PositionKind::learned;
  fault("engine.max_model_len",
        text_of(*limit) + " tokens are more than the " + std::to_string(positions) +
            " positions that '" + scenario_.model.name + "' " +
            (learned ? "has learned" : "was trained for (model.positions)"));
}

// The key that gives the pool its size; empty where none does.
template <class Named>
std::string_view key_of_fixed_pool(const Named& spec) {
  if constexpr (requires { Named::pool_key; }) {
    return spec.fixed_pool() ? Named::pool_key : std::string_view();
  } else {
    return {};
  }
}

void Rules::check_pool_in_bytes() {
  const std::optional<Bytes> pool = scenario_.engine.memory.kv_cache_memory;
  if (!pool ||
      !sound({"engine.kv_cache", "engine.memory", "engine.parallel", "model", "precision"})) {
    return;
  }
  const auto [smallest, fixed_by] = std::visit(
      [](const auto& named) { return std::pair(named.smallest_pool(), key_of_fixed_pool(named)); },
      scenario_.engine.kv_cache);
  const Bytes least = lead_kv_bytes_per_token(scenario_) * smallest.count();
  if (!fixed_by.empty()) {
    fault("engine.memory.kv_cache_memory", "the pool has its size from engine.kv_cache." +
                                               std::string(fixed_by) + "; give one of the two");
  } else if (*pool < least) {
    fault("engine.memory.kv_cache_memory", "the least that this manager shares out takes " +
                                               std::to_string(least.count()) + " bytes, got " +
                                               std::to_string(pool->count()));
  }
}

void Rules::check_blocks() {
  const auto* trt = std::get_if<TensorRtLlmKvSpec>(&scenario_.engine.kv_cache);
  if (sound({"engine.kv_cache"}) && trt != nullptr &&
      !std::has_single_bit(static_cast<std::uint64_t>(trt->tokens_per_block.count()))) {
    fault("engine.kv_cache.tokens_per_block",
          "TensorRT-LLM's blocks are of a power of two, got " + text_of(trt->tokens_per_block));
  }
}

void Rules::check_combination() {
  const auto* paged = std::get_if<PagedKvSpec>(&scenario_.engine.kv_cache);
  if (sound({"engine.kv_cache"}) && paged != nullptr && paged->prefix_caching &&
      paged->reserve == BlockReserve::max_model_len) {
    fault("engine.kv_cache.prefix_caching",
          "a sequence that owns all its blocks from the start shares none; take reserve: grow");
  }
  check_kv_cache();
  check_blocks();
  check_pool_in_bytes();
  if (!sound({"engine.policy", "engine.kv_cache"})) {
    return;
  }
  const GpuSpec& gpu = scenario_.hardware.gpu;
  if (sound({"hardware.gpu"}) && traits_of(scenario_.engine.policy).swaps &&
      gpu.link_measured.value() <= 0.0 && gpu.link_bandwidth.value() <= 0.0) {
    fault("hardware.gpu.link_measured",
          "swapping moves KV over the link to the host, whose bandwidth is not known; give it, or "
          "take preemption: recompute");
  }
  if (std::string why = why_incompatible(scenario_.engine.policy, scenario_.engine.kv_cache);
      !why.empty()) {
    fault("engine.kv_cache", std::move(why));
  }
}

// What the ranges of a KV manager's fields cannot say.
void Rules::check_kv_cache() {
  if (!sound({"engine.kv_cache", "model", "precision"})) {
    return;
  }
  const KvCacheSpec& kv_cache = scenario_.engine.kv_cache;
  std::visit(
      [&](const auto& spec) {
        if constexpr (requires { spec.allocator; }) {
          if (const auto problem = problem_with(AllocatorSpec{spec.allocator})) {
            fault("engine.kv_cache", *problem);
          }
        }
      },
      kv_cache);
  const auto* paged_virtual = std::get_if<VirtualKvSpec>(&kv_cache);
  const Bytes keys = kv_bytes(scenario_.precision.kv_cache, scenario_.model.key_value_heads(),
                              scenario_.model.size_of_head());
  if (paged_virtual != nullptr && paged_virtual->page_size < keys) {
    fault("engine.kv_cache.page_size", "a page must hold the keys of a token in one layer: " +
                                           std::to_string(keys.count()) + " bytes");
  }
}

// The key of a policy's spec, by which steps are bounded, and whether prompts may be split over
// them.
struct StepRule {
  Tokens budget{0};
  bool splits_prompts = true;
};

StepRule step_rule_of(const PolicySpec& policy) {
  return std::visit(
      [](const auto& spec) -> StepRule {
        if constexpr (requires { spec.chunked_prefill, spec.max_num_batched_tokens; }) {
          return {spec.max_num_batched_tokens, spec.chunked_prefill};
        } else {
          return {};
        }
      },
      policy);
}

void Rules::check_token_budget() {
  if (!sound({"engine.policy", "engine.max_model_len", "model"})) {
    return;
  }
  const auto whole = traits_of(scenario_.engine.policy).whole_prompts;
  if (whole && whole->most < scenario_.max_model_len()) {
    fault(join_path("engine.policy", whole->key),
          "a step must hold the longest prompt, which is not split: at least max_model_len (" +
              text_of(scenario_.max_model_len()) + "), got " + text_of(whole->most));
  }
  const StepRule rule = step_rule_of(scenario_.engine.policy);
  if (rule.splits_prompts) {
    return;
  }
  const Tokens longest = scenario_.max_model_len();
  if (rule.budget < longest) {
    fault("engine.policy.max_num_batched_tokens",
          "without chunked_prefill a step must hold the longest prompt: at least max_model_len (" +
              text_of(longest) + "), got " + text_of(rule.budget));
  }
}

void Rules::check_policy() {
  if (!sound({"engine.policy"})) {
    return;
  }
  if (const std::string why = why_not_in_order(scenario_.engine.policy); !why.empty()) {
    fault("engine.policy.order", why);
  }
  if (const auto* v0 = std::get_if<VllmV0Spec>(&scenario_.engine.policy)) {
    const bool old = v0->version != VllmV0Version::v0_6;
    if (old && v0->chunked_prefill) {
      fault("engine.policy.chunked_prefill", "of the versions of vllm_v0 only 0.6 splits prompts");
    }
  }
  const auto* trt = std::get_if<TensorRtLlmSpec>(&scenario_.engine.policy);
  const auto block_size = traits_of(scenario_.engine.kv_cache).block_size;
  if (trt != nullptr && sound({"engine.kv_cache"}) && trt->enable_chunked_context && block_size &&
      trt->max_num_tokens < *block_size) {
    fault("engine.policy.max_num_tokens",
          "prompts are split at the ends of blocks, so a step must hold one: at least " +
              text_of(*block_size) + ", got " + text_of(trt->max_num_tokens));
  }
  const auto* sglang = std::get_if<SglangSpec>(&scenario_.engine.policy);
  if (sglang != nullptr && sound({"engine.kv_cache"}) && sglang->chunked_prefill_size &&
      block_size && *sglang->chunked_prefill_size < *block_size) {
    fault("engine.policy.chunked_prefill_size",
          "prompts are split at the ends of pages, so a step must hold one: at least " +
              text_of(*block_size) + ", got " + text_of(*sglang->chunked_prefill_size));
  }
  const auto* sarathi = std::get_if<SarathiSpec>(&scenario_.engine.policy);
  if (sarathi != nullptr && sarathi->chunk_size < Tokens{sarathi->max_num_seqs}) {
    fault("engine.policy.chunk_size",
          "a step must hold a token of every sequence: at least max_num_seqs (" +
              std::to_string(sarathi->max_num_seqs) + "), got " + text_of(sarathi->chunk_size));
  }
}

// The least and the greatest length that can be drawn, as far as the spec itself tells.
struct LengthBounds {
  Tokens least{1};
  Tokens greatest{1'000'000'000};
};

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

Tokens least_of(const std::optional<LengthSpec>& length) {
  return length ? bounds_of(*length).least : Tokens{1};
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

void Rules::check_file(std::string_view path, const std::string& file) {
  const std::string resolved = file_in(scenario_.directory, file);
  if (!file.empty() && !is_readable(resolved)) {
    const Place place = place_of(tree_, path);
    problems_.unreadable(place, path, prefix(place, path) + "cannot read " + in_quotes(resolved));
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
  check_cost_files();
}

void Rules::check_cost_files() {
  const auto* profiled = std::get_if<ProfiledCostSpec>(&scenario_.cost);
  if (profiled == nullptr || !sound({"cost"})) {
    return;
  }
  const auto check = [&](std::string_view path, const std::optional<FilePath>& file) {
    if (file) {
      check_file(path, file->path);
    }
  };
  check("cost.dense", profiled->dense);
  check("cost.attention", profiled->attention);
  check("cost.per_sequence", profiled->per_sequence);
  check("cost.linear", profiled->linear);
}

void Rules::check_memory() {
  if (!sound({"hardware", "model", "precision", "engine"})) {
    return;
  }
  const auto plan = plan_memory(scenario_);
  if (const auto* fault_found = std::get_if<DoesNotFit>(&plan)) {
    fault("model", fit_advice(scenario_, *fault_found));
    return;
  }
  check_pool(std::get<MemoryPlan>(plan));
}

void Rules::check_pool(const MemoryPlan& plan) {
  const Bytes per_token = lead_kv_bytes_per_token(scenario_);
  if (per_token <= Bytes{0}) {
    return;
  }
  const Tokens capacity{plan.pool / per_token};
  const std::string holds = "the KV pool holds " + text_of(capacity) + " tokens";
  const auto* contiguous = std::get_if<ContiguousKvSpec>(&scenario_.engine.kv_cache);
  const auto* paged = std::get_if<PagedKvSpec>(&scenario_.engine.kv_cache);
  const bool reserves_longest = (contiguous != nullptr && contiguous->reserve == Reserve::max) ||
                                (paged != nullptr && paged->reserve == BlockReserve::max_model_len);
  if (reserves_longest && scenario_.max_model_len() > capacity) {
    fault("engine.max_model_len", holds + ", less than the one reservation of max_model_len (" +
                                      text_of(scenario_.max_model_len()) +
                                      "); lower engine.max_model_len");
    return;
  }
  const auto& prompt = scenario_.workload.prompt_tokens;
  const auto& output = scenario_.workload.output_tokens;
  if (!prompt || !output || scenario_.workload.max_total_tokens ||
      !sound({"workload.prompt_tokens", "workload.output_tokens"})) {
    return;
  }
  const auto block_size = traits_of(scenario_.engine.kv_cache).block_size;
  if (block_size && divide_up(plan.pool, per_token * block_size->count()) >= std::int64_t{1}
                                                                                 << 32) {
    fault("engine.kv_cache",
          "the KV pool would have more than 4,294,967,295 blocks; take a larger "
          "engine.kv_cache.block_size");
    return;
  }
  // The shortest that can be drawn; longer ones that do not fit are results.
  KvSequence shortest;
  shortest.prompt = bounds_of(*prompt).least;
  shortest.output = bounds_of(*output).least;
  if (scenario_.workload.max_output_tokens) {
    shortest.max_output = bounds_of(*scenario_.workload.max_output_tokens).least;
    shortest.output = std::min(shortest.output, *shortest.max_output);
  }
  if (!make_kv_cache(scenario_, plan)->can_ever_hold(shortest)) {
    fault("workload.prompt_tokens", holds + ", of which one request can have less; a prompt of " +
                                        text_of(shortest.prompt) + " with an output of " +
                                        text_of(shortest.output) + " or more never fits");
  }
}

}  // namespace

void fill_in(Scenario& scenario) {
  WorkloadSpec& workload = scenario.workload;
  if (!scenario.engine.max_model_len) {
    scenario.engine.max_model_len = scenario.max_model_len();
  }
  if (std::holds_alternative<TraceArrivals>(workload.arrivals)) {
    return;
  }
  // A conversation ends before it outgrows the context.
  if (workload.conversations && !workload.max_total_tokens) {
    workload.max_total_tokens = scenario.engine.max_model_len;
  }
  if (!workload.prompt_tokens) {
    workload.prompt_tokens = FixedLength{};
  }
  if (!workload.output_tokens) {
    workload.output_tokens = FixedLength{};
  }
  const bool needs_an_end = std::holds_alternative<BurstArrivals>(workload.arrivals) ||
                            std::holds_alternative<ClosedLoopArrivals>(workload.arrivals);
  if (!workload.requests && !workload.duration && !needs_an_end) {
    workload.requests = 1000;
  }
}

void check_scenario(const Scenario& scenario, const Node& tree, Problems& problems) {
  Rules(scenario, tree, problems).check_all();
}

void check_step(const Scenario& scenario, const Node& tree, Problems& problems) {
  Rules(scenario, tree, problems).check_step();
}

}  // namespace tessera
