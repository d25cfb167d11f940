#include "tests/truth/engine_trace/settings.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "tessera/core/diagnostic.hpp"

namespace tessera::truth {
namespace {

namespace json = boost::json;

std::int64_t integer(const json::object& config, std::string_view key) {
  return config.at(key).to_number<std::int64_t>();
}

bool flag(const json::object& config, std::string_view key) {
  return config.contains(key) && config.at(key).is_bool() && config.at(key).as_bool();
}

std::string text(const json::object& config, std::string_view key) {
  return std::string(config.at(key).as_string());
}

// A number that a header may leave out, or give as null.
template <class Number>
Number number_or(const json::object& config, std::string_view key, Number otherwise) {
  return config.contains(key) && config.at(key).is_number() ? config.at(key).to_number<Number>()
                                                            : otherwise;
}

// Settings that change the rules in ways that nobody has recorded: each only as it has been.
std::string not_as_recorded(const json::object& config) {
  for (const std::string_view key :
       {"delay_factor", "num_lookahead_slots", "num_lookahead_tokens"}) {
    if (number_or(config, key, 0.0) != 0.0) {
      return std::string(key) + " other than 0";
    }
  }
  for (const std::string_view key : {"num_scheduler_steps", "pipeline_parallel_size"}) {
    if (number_or(config, key, std::int64_t{1}) != 1) {
      return std::string(key) + " other than 1";
    }
  }
  for (const std::string_view key : {"async_output_proc", "spec_decode", "dynamic_chunking"}) {
    if (flag(config, key)) {
      return std::string(key);
    }
  }
  return {};
}

// The traces' clock: 100000 + 1000·T + C ticks of 100 ns.
CostSpec trace_clock() {
  return AffineCostSpec{.base = Duration::milliseconds(10),
                        .per_token = Duration::microseconds(100),
                        .per_context_token = Duration::nanoseconds(100),
                        .per_sequence = {}};
}

// A card and a model whose memory never matters: the trace gives the number of blocks.
void set_hardware(Scenario& scenario) {
  scenario.hardware.gpu.name = "trace";
  scenario.hardware.gpu.memory = Bytes{std::int64_t{1} << 50};
  scenario.model = ModelSpec{};
  scenario.model.name = "trace";
  scenario.model.layers = 1;
  scenario.model.hidden = 64;
  scenario.model.heads = 1;
  scenario.model.vocabulary = 64;
}

std::optional<VllmV1Version> vllm_v1_version(const std::string& engine) {
  if (engine == "v1_0110") {
    return VllmV1Version::v0_11;
  }
  if (engine == "v1_0201" || engine == "v1_0201_async") {
    return VllmV1Version::v0_20;
  }
  if (engine == "v1_main" || engine == "v1_main_async") {
    return VllmV1Version::main;
  }
  return std::nullopt;
}

std::string set_vllm_v1(Scenario& scenario, const json::object& config, PagedKvSpec& paged) {
  const auto version = vllm_v1_version(text(config, "engine"));
  if (!version) {
    return "the engine '" + text(config, "engine") + "'";
  }
  paged.prefix_caching = flag(config, "prefix_caching");
  if (text(config, "tag").ends_with("_BUGGY")) {
    return "a bug of v0.11.0: a victim stays in the batch that it was taken from";
  }
  paged.watermark = number_or(config, "watermark", 0.0);
  scenario.engine.policy =
      VllmV1Spec{.version = *version,
                 .order = text(config, "policy") == "priority" ? Order::priority : Order::fcfs,
                 .async_scheduling = flag(config, "async_scheduling"),
                 .max_num_seqs = integer(config, "max_num_seqs"),
                 .max_num_batched_tokens = Tokens{integer(config, "max_num_batched_tokens")},
                 .chunked_prefill = flag(config, "chunked_prefill"),
                 .long_prefill_token_threshold =
                     Tokens{number_or(config, "long_prefill_token_threshold", std::int64_t{0})},
                 .reserve_full_prompt = version != VllmV1Version::v0_11 &&
                                        (!config.contains("scheduler_reserve_full_isl") ||
                                         flag(config, "scheduler_reserve_full_isl"))};
  return {};
}

std::optional<VllmV0Version> vllm_v0_version(const std::string& engine) {
  if (engine == "v0_027") {
    return VllmV0Version::v0_2;
  }
  if (engine == "v0_040") {
    return VllmV0Version::v0_4;
  }
  if (engine == "v0_063") {
    return VllmV0Version::v0_6;
  }
  return std::nullopt;
}

std::string set_vllm_v0(Scenario& scenario, const json::object& config, PagedKvSpec& paged) {
  const auto version = vllm_v0_version(text(config, "engine"));
  if (!version) {
    return "the engine '" + text(config, "engine") + "'";
  }
  paged.prefix_caching = flag(config, "prefix_caching");
  const bool chunked = flag(config, "chunked_prefill");
  const bool by_priority = text(config, "policy") == "priority";
  if (*version != VllmV0Version::v0_6 && (chunked || by_priority)) {
    return chunked ? "chunked prefill before v0.6" : "priorities before v0.6";
  }
  // v0.6.3 with chunks of prompts looks at no priority.
  const Order order = by_priority && !chunked ? Order::priority : Order::fcfs;
  const bool swaps = config.contains("preemption_mode") &&
                     config.at("preemption_mode").is_string() &&
                     text(config, "preemption_mode") == "swap";
  if (paged.prefix_caching && (swaps || chunked || *version != VllmV0Version::v0_6)) {
    return "prefix caching of vLLM v0 with swapping, in chunks, or before v0.6";
  }
  // This clock counts what is cached as if it were computed.
  std::get<AffineCostSpec>(scenario.cost).per_cached_token = Duration::microseconds(100);
  paged.watermark = number_or(config, "watermark", 0.01);
  scenario.engine.memory.swap_space =
      Bytes{number_or(config, "num_cpu_blocks", std::int64_t{0}) * integer(config, "block_size")} *
      kv_bytes_per_token(scenario.model, scenario.precision.kv_cache).count();
  scenario.engine.policy =
      VllmV0Spec{.version = *version,
                 .order = order,
                 .preemption = swaps ? Preemption::swap : Preemption::recompute,
                 .max_num_seqs = integer(config, "max_num_seqs"),
                 .max_num_batched_tokens = Tokens{integer(config, "max_num_batched_tokens")},
                 .chunked_prefill = chunked,
                 .max_paddings = Tokens{number_or(config, "max_paddings", std::int64_t{256})}};
  return {};
}

std::string set_sarathi(Scenario& scenario, const json::object& config, PagedKvSpec& paged) {
  const std::string scheduler = text(config, "scheduler");
  const std::int64_t max_num_seqs = integer(config, "max_num_seqs");
  if (scheduler == "orca" || scheduler == "faster_transformer") {
    paged.reserve = BlockReserve::max_model_len;
    paged.watermark = 0.0;
  } else {
    paged.watermark = number_or(config, "watermark", 0.01);
  }
  if (scheduler == "orca") {
    scenario.engine.policy = OrcaSpec{.max_num_seqs = max_num_seqs};
  } else if (scheduler == "faster_transformer") {
    scenario.engine.policy = FasterTransformerSpec{.max_num_seqs = max_num_seqs};
  } else if (scheduler == "sarathi") {
    scenario.engine.policy = SarathiSpec{.max_num_seqs = max_num_seqs,
                                         .chunk_size = Tokens{integer(config, "chunk_size")}};
  } else if (scheduler == "simple_chunking") {
    scenario.engine.policy = SimpleChunkingSpec{
        .max_num_seqs = max_num_seqs, .chunk_size = Tokens{integer(config, "chunk_size")}};
  } else if (scheduler == "vllm") {
    const std::int64_t longest = integer(config, "max_model_len");
    const std::int64_t most = number_or(config, "max_batched_tokens", longest);
    scenario.engine.policy = VllmV0Spec{.version = VllmV0Version::v0_4,
                                        .max_num_seqs = max_num_seqs,
                                        .max_num_batched_tokens = Tokens{std::min(most, longest)}};
  } else {
    return "Sarathi-Serve's scheduler '" + scheduler + "'";
  }
  return {};
}

std::string set_engine(Scenario& scenario, const json::object& config, PagedKvSpec& paged) {
  const std::string engine = text(config, "engine");
  if (std::string why = not_as_recorded(config); !why.empty()) {
    return why;
  }
  if (engine.starts_with("v1_")) {
    return set_vllm_v1(scenario, config, paged);
  }
  if (engine.starts_with("v0_")) {
    return set_vllm_v0(scenario, config, paged);
  }
  if (engine == "sarathi") {
    return set_sarathi(scenario, config, paged);
  }
  return "the engine '" + engine + "'";
}

}  // namespace

TraceSettings read_settings(const std::filesystem::path& config) {
  std::ifstream file(config);
  if (!file) {
    throw UnreadableFile(Place{config.string()}, "cannot be read");
  }
  std::stringstream content;
  content << file.rdbuf();
  boost::system::error_code error;
  const json::value value = json::parse(content.str(), error);
  if (error || !value.is_object()) {
    throw BadInput(Place{config.string()}, "is not a JSON object");
  }
  try {
    const json::object& object = value.as_object();
    TraceSettings settings;
    settings.workload = text(object, "workload");
    PagedKvSpec paged;
    paged.block_size = Tokens{integer(object, "block_size")};
    paged.num_blocks = Blocks{integer(object, "num_gpu_blocks")};
    set_hardware(settings.scenario);
    settings.scenario.cost = trace_clock();
    settings.scenario.engine.max_model_len = Tokens{integer(object, "max_model_len")};
    settings.not_modelled = set_engine(settings.scenario, object, paged);
    settings.scenario.engine.kv_cache = paged;
    return settings;
  } catch (const std::exception& problem) {
    throw BadInput(Place{config.string()}, std::string("lacks a setting: ") + problem.what());
  }
}

}  // namespace tessera::truth
