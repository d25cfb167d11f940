#include "sim/cli/answer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <variant>

#include "sim/cli/text.hpp"

namespace tessera {
namespace {

std::string count_in(const Summary& summary, std::string_view column) {
  return grouped(static_cast<std::int64_t>(number_in(summary, column).value_or(0.0)));
}

std::string share_in(const Summary& summary, std::string_view column) {
  const auto share = number_in(summary, column);
  return share ? percent(*share) : "undefined";
}

std::string rate_in(const Summary& summary, std::string_view column) {
  const auto rate = number_in(summary, column);
  return rate ? three_digits(*rate) : "no";
}

// "1.42 requests/s, 228 output tokens/s: 1,950 of 2,000 requests finished in 23 min 12 s"
std::string first_line(const Summary& summary) {
  return rate_in(summary, "request_throughput") + " requests/s, " +
         rate_in(summary, "output_throughput") +
         " output tokens/s: " + count_in(summary, "num_finished") + " of " +
         count_in(summary, "num_requests") + " requests finished in " +
         human_seconds(number_in(summary, "duration_s").value_or(0.0)) + "\n";
}

struct Latency {
  const char* name;
  const char* column;
  const char* meaning;
};
constexpr std::array<Latency, 4> latencies{{
    {"TTFT", "ttft", "to the first token"},
    {"TPOT", "tpot", "per output token after it"},
    {"ITL", "itl", "between two tokens"},
    {"E2EL", "e2el", "arrival to last token"},
}};
constexpr std::array<const char*, 4> statistics{"mean", "median", "p90", "p99"};

// The statistics of one latency in one unit, so that they compare at a glance.
std::vector<std::string> latency_row(const Summary& summary, const Latency& latency) {
  std::array<std::optional<double>, statistics.size()> milliseconds;
  double largest = 0.0;
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    milliseconds[i] = number_in(summary, std::string(statistics[i]) + "_" + latency.column + "_ms");
    largest = std::max(largest, milliseconds[i].value_or(0.0));
  }
  const bool in_seconds = largest >= 10'000.0;
  std::vector<std::string> cells{latency.name};
  for (const auto& value : milliseconds) {
    cells.push_back(!value ? "-" : in_seconds ? fixed(*value / 1e3, 2) : fixed(*value, 2));
  }
  cells.emplace_back(in_seconds ? "s" : "ms");
  cells.emplace_back(latency.meaning);
  return cells;
}

std::string latency_table(const Summary& summary) {
  Table table;
  table.column("", Align::left);
  for (const char* statistic : statistics) {
    table.column(statistic, Align::right);
  }
  table.column("", Align::left);
  table.column("", Align::left);
  for (const Latency& latency : latencies) {
    table.row(latency_row(summary, latency));
  }
  return table.text();
}

std::string waste_line(const Summary& summary) {
  return "KV waste: " + share_in(summary, "kv_waste_of_reserved") + " of what is reserved, " +
         share_in(summary, "kv_waste_of_pool") + " of the pool; " +
         share_in(summary, "kv_live_of_pool") + " of the pool holds live tokens\n";
}

// Named shares of one whole, the largest first, those that round to nothing left out.
template <std::size_t N>
std::string shares(const Summary& summary,
                   const std::array<std::pair<const char*, const char*>, N>& parts,
                   double whole = 1.0) {
  std::vector<std::pair<double, const char*>> present;
  for (const auto& [column, name] : parts) {
    const double share = whole > 0.0 ? number_in(summary, column).value_or(0.0) / whole : 0.0;
    if (share >= 0.0005) {
      present.emplace_back(share, name);
    }
  }
  std::stable_sort(present.begin(), present.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [share, name] : present) {
    text += (text.empty() ? "" : ", ") + std::string(name) + " " + percent(share);
  }
  return text;
}

// What bounds the steps' time, and what kept the batch from being larger.
std::string bound_lines(const Summary& summary) {
  constexpr std::array<std::pair<const char*, const char*>, 4> bounds{{
      {"compute_of_step_time", "compute"},
      {"memory_of_step_time", "memory bandwidth"},
      {"overhead_of_step_time", "overhead"},
      {"link_of_step_time", "link"},
  }};
  constexpr std::array<std::pair<const char*, const char*>, 4> limits{{
      {"time_arrivals", "arrivals (nobody waited)"},
      {"time_batch_limit", "the policy's max_num_seqs"},
      {"time_admission", "KV memory or the step's tokens"},
      {"time_idle", "nothing to do"},
  }};
  std::string text;
  if (const std::string steps = shares(summary, bounds); !steps.empty()) {
    text += "Step time is bound by " + steps + "\n";
  }
  if (const std::string batch = shares(summary, limits); !batch.empty()) {
    text += "The batch was limited by " + batch + " of the time\n";
  }
  return text;
}

// Where the finished requests' time went, of all of it.
std::string phase_line(const Summary& summary) {
  constexpr std::array<std::pair<const char*, const char*>, 9> parts{{
      {"mean_queued_slot_ms", "queueing for a slot"},
      {"mean_queued_memory_ms", "queueing for memory"},
      {"mean_prefill_ms", "prefill"},
      {"mean_decode_ms", "decode"},
      {"mean_stalled_ms", "stalls by others' prefills"},
      {"mean_preempted_ms", "waiting after preemption"},
      {"mean_recomputed_ms", "recomputing"},
      {"mean_swapped_ms", "being swapped out"},
      {"mean_held_ms", "waiting for the batch to end"},
  }};
  const std::string text = shares(summary, parts, number_in(summary, "mean_e2el_ms").value_or(0.0));
  return text.empty() ? "" : "Requests spent their time on " + text + "\n";
}

// What a prefix cache saved, where it did.
std::string cache_line(const Summary& summary) {
  const double cached = number_in(summary, "cached_tokens").value_or(0.0);
  const double prompts = number_in(summary, "prompt_tokens").value_or(0.0);
  return cached > 0.0 ? "Prefix cache: " + percent(cached / prompts) +
                            " of the prompt tokens were found in it\n"
                      : "";
}

// Counts that are only worth mentioning when they are not zero.
template <std::size_t N>
std::string nonzero_counts(const Summary& summary,
                           const std::array<std::pair<const char*, const char*>, N>& counts) {
  std::string text;
  for (const auto& [column, name] : counts) {
    if (number_in(summary, column).value_or(0.0) > 0.0) {
      text += (text.empty() ? "" : ", ") + count_in(summary, column) + " " + name;
    }
  }
  return text;
}

std::string counted_lines(const Summary& summary) {
  constexpr std::array<std::pair<const char*, const char*>, 8> requests{{
      {"num_rejected", "rejected"},
      {"num_prompt_too_long", "of them with prompts that reach the context limit"},
      {"num_exceeds_pool", "of them larger than the KV pool"},
      {"num_cut", "cut at the context limit"},
      {"num_cancelled", "cancelled"},
      {"num_timed_out", "timed out"},
      {"num_unfinished", "unfinished"},
      {"num_preemptions", "preemptions"},
  }};
  constexpr std::array<std::pair<const char*, const char*>, 5> workload{{
      {"num_clamped_prompts", "prompt lengths clamped"},
      {"num_clamped_outputs", "output lengths clamped"},
      {"num_shortened_outputs", "outputs shortened"},
      {"num_filtered", "rows of the trace left out by its filters"},
      {"num_reordered", "rows of the trace put in order"},
  }};
  std::string text;
  if (const std::string counts = nonzero_counts(summary, requests); !counts.empty()) {
    text += "Counted: " + counts + "\n";
  }
  if (const std::string counts = nonzero_counts(summary, workload); !counts.empty()) {
    text += "Workload: " + counts + "\n";
  }
  return text;
}

// The promised latencies, where there are any.
std::string slo_line(const Summary& summary) {
  const auto goodput = number_in(summary, "request_goodput");
  if (!goodput) {
    return "";
  }
  const std::string& met = cell(summary, "slo_met");
  return "SLO " + std::string(met == "true" ? "met" : "missed") + ": " +
         share_in(summary, "slo_attainment") + " of the requests kept it, " +
         three_digits(*goodput) + " requests/s of goodput\n";
}

}  // namespace

std::optional<double> number_in(const Summary& summary, std::string_view column) {
  const auto found = std::find_if(summary.begin(), summary.end(),
                                  [&](const SummaryCell& cell) { return cell.column == column; });
  if (found == summary.end() || found->value.empty()) {
    return std::nullopt;
  }
  double number = 0.0;
  const char* const end = found->value.data() + found->value.size();
  const auto parsed = std::from_chars(found->value.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) {
    return std::nullopt;
  }
  return number;
}

std::string scenario_line(const Scenario& scenario) {
  const PrecisionSpec& precision = scenario.precision;
  return scenario.model.name + " on " + grouped(scenario.hardware.count) + " x " +
         scenario.hardware.gpu.name + ", weights " + std::string(name_of(precision.weights)) +
         ", KV cache " + std::string(name_of(precision.kv_cache)) + ", compute " +
         std::string(name_of(precision.compute));
}

// How the GPUs share the work, where more than one does; the lines behind it are of one GPU.
std::string groups_line(const Scenario& scenario) {
  const ParallelSpec& parallel = scenario.engine.parallel;
  if (parallel.devices() == 1) {
    return "";
  }
  std::string text = parallel.replicas == 1
                         ? "1 engine"
                         : counted(parallel.replicas, "engine") + " behind the router " +
                               std::string(name_of(parallel.router));
  text += ", each on " + counted(parallel.degrees().devices(), "GPU");
  if (parallel.degrees().devices() > 1) {
    text += " (tensor " + grouped(parallel.tensor) + ", pipeline " + grouped(parallel.pipeline) +
            "); of each GPU:";
  }
  return text + "\n";
}

std::string memory_opening(const Scenario& scenario, const NodeRecord& node) {
  const MemoryPlan& plan = node.plan;
  const double utilization = scenario.engine.memory.utilization;
  const auto usable = static_cast<double>(plan.capacity.count()) * utilization;
  std::string text = scenario.name + ": " + scenario_line(scenario) + "\n";
  text += groups_line(scenario);
  const auto share = traits_of(scenario.engine.kv_cache).share_of_free;
  text += "GPU memory (" + human_bytes(plan.capacity) + ")";
  if (share) {
    text += ", of which the KV cache takes " + fixed(*share, 2) + " of what is free";
  } else {
    text += " x utilization (" + fixed(utilization, 2) +
            ") = " + human_bytes(Bytes{std::llround(usable)});
  }
  text += "\n";
  text += "Model weights take " + human_bytes(plan.weights) + "; workspace takes " +
          human_bytes(plan.workspace) + "; driver and context take " + human_bytes(plan.driver) +
          "\n";
  if (plan.graphs > Bytes{0}) {
    text += "CUDA graphs take " + human_bytes(plan.graphs) + ", beside the engine's share\n";
  }
  text += "Available KV cache memory: " + human_bytes(plan.pool) + "\n";
  if (traits_of(scenario.engine.kv_cache).keeps_nothing) {
    return text + "No KV cache: every step computes its sequences from the start\n";
  }
  text += "GPU KV cache size: " + grouped(node.kv_capacity.count()) + " tokens";
  double fit = static_cast<double>(node.kv_capacity.count()) /
               static_cast<double>(node.max_model_len.count());
  if (const auto block_size = traits_of(scenario.engine.kv_cache).block_size;
      block_size && node.kv_blocks) {
    text += " (" + counted(node.kv_blocks->count(), "block") + " of " +
            grouped(block_size->count()) + ")";
    // As vLLM counts: a request of the longest length takes whole blocks.
    fit = static_cast<double>(node.kv_blocks->count()) /
          static_cast<double>(divide_up(node.max_model_len, *block_size));
  }
  return text + "\nMaximum concurrency for " + grouped(node.max_model_len.count()) +
         " tokens per request: " + fixed(fit, 2) + "x (" +
         counted(node.longest_requests_that_fit, "request") + " at once)\n";
}

std::string run_answer(const Summary& summary) {
  return first_line(summary) + "\n" + latency_table(summary) + "\n" + waste_line(summary) +
         cache_line(summary) + slo_line(summary) + phase_line(summary) + bound_lines(summary) +
         counted_lines(summary);
}

}  // namespace tessera
