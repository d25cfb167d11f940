#include "sim/metrics/summary.hpp"

#include <algorithm>

#include "sim/metrics/ratio.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

// Appends cells in the order of the file.
class Cells {
 public:
  void text(std::string column, std::string value) {
    cells_.push_back({std::move(column), std::move(value)});
  }
  void count(std::string column, std::int64_t value) {
    std::string digits;
    append_integer(digits, value);
    text(std::move(column), std::move(digits));
  }
  void latency(std::string column, const std::optional<Duration>& value) {
    std::string digits;
    if (value) {
      append_milliseconds(digits, *value);
    }
    text(std::move(column), std::move(digits));
  }
  // The mean over `time` of what was integrated to byte-picoseconds.
  void mean_bytes(std::string column, Int128 integral, Int128 time) {
    std::string digits;
    if (time > 0) {
      append_integer(digits, (2 * integral + time) / (2 * time));
    }
    text(std::move(column), std::move(digits));
  }
  [[nodiscard]] Summary take() { return std::move(cells_); }

 private:
  Summary cells_;
};

void add_percentiles(Cells& cells, const std::string& name, Distribution& values) {
  cells.latency("mean_" + name, values.mean());
  cells.latency("median_" + name, values.percentile({50}));
  cells.latency("p90_" + name, values.percentile({90}));
  cells.latency("p95_" + name, values.percentile({95}));
  cells.latency("p99_" + name, values.percentile({99}));
}

void add_requests(Cells& cells, const Measured& measured) {
  const RequestTotals::Counts& counts = measured.requests.counts();
  cells.count("num_requests", counts.ended());
  cells.count("num_finished", counts.finished);
  cells.count("num_rejected", counts.rejected);
  cells.count("num_prompt_too_long", counts.prompt_too_long);
  cells.count("num_exceeds_pool", counts.exceeds_pool);
  cells.count("num_cut", counts.cut);
  cells.count("num_cancelled", counts.cancelled);
  cells.count("num_timed_out", counts.timed_out);
  cells.count("num_unfinished", counts.unfinished);
}

void add_throughput(Cells& cells, Measured& measured) {
  const RequestTotals::Counts& counts = measured.requests.counts();
  const Duration duration = measured.end.time.since_start();
  const Int128 time = duration.picoseconds();
  std::string seconds;
  append_seconds(seconds, duration);
  cells.text("duration_s", seconds);
  cells.text("request_throughput", rate_text(counts.finished, time));
  cells.text("output_throughput", rate_text(counts.output_tokens, time));
  cells.text("total_token_throughput",
             rate_text(counts.prompt_tokens + counts.output_tokens, time));
  cells.text("request_goodput", measured.has_slo ? rate_text(counts.within_slo, time) : "");
  std::string attainment;
  if (const auto share = measured.requests.attainment()) {
    append_real(attainment, *share);
  }
  cells.text("slo_attainment", attainment);
  const std::optional<bool> met = measured.requests.slo_met();
  cells.text("slo_met", !met ? "" : *met ? "true" : "false");
}

void add_latencies(Cells& cells, Measured& measured) {
  RequestTotals& requests = measured.requests;
  add_percentiles(cells, "ttft_ms", requests.ttft);
  add_percentiles(cells, "tpot_ms", requests.tpot);
  add_percentiles(cells, "itl_ms", measured.steps.itl);
  cells.latency("max_itl_ms", measured.steps.itl.max());
  add_percentiles(cells, "e2el_ms", requests.e2el);
  add_percentiles(cells, "queue_ms", requests.queue);
  cells.latency("mean_normalized_latency_ms", requests.normalized.mean());
  for (std::size_t i = 0; i < phase_columns.size(); ++i) {
    cells.latency("mean_" + std::string(phase_columns[i].name), requests.mean_phase(i));
  }
}

void add_batches(Cells& cells, const Measured& measured) {
  const RequestTotals::Counts& counts = measured.requests.counts();
  const UsageTotals& usage = measured.usage;
  const Int128 time = usage.engine_time();
  cells.count("num_iterations", measured.steps.iterations());
  cells.text("mean_batch_size", ratio_text(usage.running(), time - usage.time_at(Limit::idle)));
  cells.text("mean_num_running", ratio_text(usage.running(), time));
  cells.text("mean_num_waiting", ratio_text(usage.waiting(), time));
  cells.count("max_num_running", usage.max_running());
  cells.count("num_preemptions", measured.steps.preemptions());
  cells.count("num_preempted_requests", counts.preempted);
  cells.count("prompt_tokens", counts.prompt_tokens);
  cells.count("output_tokens", counts.output_tokens);
  cells.count("cached_tokens", counts.cached_tokens);
  cells.count("recomputed_tokens", measured.steps.recomputed_tokens());
}

void add_memory(Cells& cells, const Measured& measured) {
  const UsageTotals& usage = measured.usage;
  const NodeRecord& node = measured.node;
  const Duration duration = measured.end.time.since_start();
  const Int128 time = duration.picoseconds();
  const Int128 held = usage.wasted() + usage.class_integral(class_index("kv_live"));
  Bytes pool{0};
  Bytes capacity{0};
  for (const MemoryPlan& device : node.devices) {
    pool += device.pool;
    capacity += device.capacity;
  }
  cells.count("kv_pool_bytes", pool.count() * node.engines);
  std::string blocks;
  if (node.kv_blocks) {
    append_integer(blocks, node.kv_blocks->count() * node.engines);
  }
  cells.text("kv_blocks", blocks);
  // An engine that keeps no KV has room for any number of tokens, and so have several.
  const bool is_bounded = node.kv_capacity < Tokens::max();
  const Tokens capacity_tokens = is_bounded ? node.kv_capacity * node.engines : Tokens::max();
  cells.count("kv_capacity_tokens", capacity_tokens.count());
  cells.mean_bytes("kv_reserved_mean_bytes", usage.reserved(), time);
  cells.mean_bytes("kv_wasted_mean_bytes", usage.wasted(), time);
  cells.count("kv_reserved_peak_bytes", measured.peak_reserved.count());
  cells.text("kv_waste_of_reserved", ratio_text(usage.wasted(), held));
  cells.text("kv_waste_of_pool", ratio_text(usage.wasted(), usage.pool()));
  cells.text("kv_live_of_pool",
             ratio_text(usage.class_integral(class_index("kv_live")), usage.pool()));
  cells.text("external_fragmentation",
             ratio_text(usage.free() - usage.largest_free(), usage.free()));
  cells.count("capacity_bytes", capacity.count() * node.engines);
  const bool has_means = time > 0;
  const auto means =
      has_means ? mean_classes(usage, duration) : std::array<Bytes, DeviceLedger::num_classes>{};
  for (std::size_t i = 0; i < means.size(); ++i) {
    std::string digits;
    if (has_means) {
      append_integer(digits, means[i].count());
    }
    cells.text(std::string(DeviceLedger::class_names[i]) + "_mean_bytes", digits);
  }
}

// The name with the largest share, the first of equals; nothing where all are zero.
template <std::size_t n>
std::string_view largest(const std::array<Int128, n>& shares,
                         const std::array<std::string_view, n>& names) {
  const auto most = std::max_element(shares.begin(), shares.end());
  return *most == 0 ? std::string_view{} : names[static_cast<std::size_t>(most - shares.begin())];
}

void add_bounds(Cells& cells, const Measured& measured) {
  const StepTime& parts = measured.steps.time();
  const std::array<Int128, 4> times{parts.compute.picoseconds(), parts.memory.picoseconds(),
                                    parts.overhead.picoseconds(), parts.link.picoseconds()};
  for (std::size_t i = 0; i < times.size(); ++i) {
    cells.text(std::string(EnumNames<Bound>::names[i]) + "_of_step_time",
               ratio_text(times[i], parts.total().picoseconds()));
  }
  cells.text("bound", std::string(largest(times, EnumNames<Bound>::names)));
  const Int128 engine_time =
      measured.end.time.since_start().picoseconds() * measured.node.engines * measured.node.stages;
  cells.text("gpu_busy", ratio_text(measured.steps.busy().picoseconds(), engine_time));
  std::array<Int128, num_limits> limits{};
  for (std::size_t i = 0; i < num_limits; ++i) {
    limits[i] = measured.usage.time_at(static_cast<Limit>(i));
    cells.text("time_" + std::string(EnumNames<Limit>::names[i]),
               ratio_text(limits[i], measured.usage.engine_time()));
  }
  limits[static_cast<std::size_t>(Limit::idle)] = 0;
  cells.text("limited_by", std::string(largest(limits, EnumNames<Limit>::names)));
}

void add_source(Cells& cells, const SourceCounts& source) {
  cells.count("num_clamped_prompts", source.clamped_prompts);
  cells.count("num_clamped_outputs", source.clamped_outputs);
  cells.count("num_shortened_outputs", source.shortened_outputs);
  cells.count("num_filtered", source.filtered);
  cells.count("num_reordered", source.reordered);
}

}  // namespace

Summary make_summary(Measured& measured) {
  Cells cells;
  add_requests(cells, measured);
  add_throughput(cells, measured);
  add_latencies(cells, measured);
  add_batches(cells, measured);
  add_memory(cells, measured);
  add_bounds(cells, measured);
  add_source(cells, measured.end.source);
  return cells.take();
}

const std::string& cell(const Summary& summary, std::string_view column) {
  const auto found =
      std::find_if(summary.begin(), summary.end(),
                   [column](const SummaryCell& candidate) { return candidate.column == column; });
  TESSERA_INVARIANT(found != summary.end(), "a column of the summary");
  return found->value;
}

}  // namespace tessera
