// summary.json: the numbers of summary.csv under headings, each share beside what it is a share of,
// and the KV pool in the four categories of the PagedAttention paper (Kwon et al., SOSP 2023,
// figure 2).
#include <initializer_list>

#include "sim/metrics/ratio.hpp"
#include "sim/metrics/summary.hpp"
#include "tessera/metrics/json_writer.hpp"

namespace tessera {
namespace {

using Columns = std::initializer_list<std::string_view>;

void write_cells(JsonWriter& json, const Summary& summary, Columns columns) {
  for (const std::string_view column : columns) {
    json.value(column, cell(summary, column));
  }
}

void write_requests(JsonWriter& json, const Summary& summary) {
  json.open_object("requests");
  write_cells(json, summary,
              {"num_requests", "num_finished", "num_rejected", "num_prompt_too_long",
               "num_exceeds_pool", "num_cut", "num_cancelled", "num_timed_out", "num_unfinished",
               "num_preemptions", "num_preempted_requests"});
  json.close();
  json.open_object("workload");
  write_cells(json, summary,
              {"num_clamped_prompts", "num_clamped_outputs", "num_shortened_outputs",
               "num_filtered", "num_reordered"});
  json.close();
  json.open_object("tokens");
  json.string("of", "finished requests; recomputed_tokens: of preempted sequences");
  write_cells(json, summary,
              {"prompt_tokens", "output_tokens", "cached_tokens", "recomputed_tokens"});
  json.close();
}

void write_throughput(JsonWriter& json, const Summary& summary) {
  json.open_object("throughput");
  json.string("of", "finished requests, a second of the whole run");
  write_cells(json, summary,
              {"duration_s", "request_throughput", "output_throughput", "total_token_throughput"});
  json.close();
  json.open_object("slo");
  json.string("of", "requests that arrived, rejected ones among them");
  write_cells(json, summary, {"request_goodput", "slo_attainment", "slo_met"});
  json.close();
}

void write_latency(JsonWriter& json, const Summary& summary, const std::string& name,
                   const Distribution& values) {
  json.open_object(name);
  json.integer("count", values.count());
  for (const std::string_view statistic : {"mean", "median", "p90", "p95", "p99"}) {
    json.value(statistic, cell(summary, std::string(statistic) + "_" + name));
  }
  json.string("percentiles",
              values.exact()
                  ? std::string("exact")
                  : "histogram, relative error " + std::string(Distribution::histogram_error) +
                        " (exact up to " + std::to_string(values.max_values()) + " values)");
  json.close();
}

void write_latencies(JsonWriter& json, const Measured& measured, const Summary& summary) {
  json.open_object("latency");
  json.string("of", "finished requests; itl: gaps between consecutive tokens of every request");
  write_latency(json, summary, "ttft_ms", measured.requests.ttft);
  write_latency(json, summary, "tpot_ms", measured.requests.tpot);
  write_latency(json, summary, "itl_ms", measured.steps.itl);
  write_latency(json, summary, "e2el_ms", measured.requests.e2el);
  write_latency(json, summary, "queue_ms", measured.requests.queue);
  write_cells(json, summary, {"max_itl_ms", "mean_normalized_latency_ms"});
  json.close();
}

void write_phases(JsonWriter& json, const Summary& summary) {
  json.open_object("where_the_time_went");
  json.string("of", "finished requests: means that sum, but for rounding, to mean_e2el_ms");
  for (const PhaseColumn& column : phase_columns) {
    const std::string name = "mean_" + std::string(column.name);
    json.value(name, cell(summary, name));
  }
  json.close();
}

void write_batches(JsonWriter& json, const Summary& summary) {
  json.open_object("batch");
  json.string("of", "sequences, weighted by time; mean_batch_size: while there was work");
  write_cells(json, summary,
              {"num_iterations", "mean_batch_size", "mean_num_running", "mean_num_waiting",
               "max_num_running"});
  json.close();
  json.open_object("what_bound_the_run");
  json.open_object("steps");
  json.string("of", "the time of all steps");
  write_cells(json, summary,
              {"compute_of_step_time", "memory_of_step_time", "overhead_of_step_time",
               "link_of_step_time"});
  json.string("bound", cell(summary, "bound"));
  json.close();
  json.open_object("time");
  json.string("of",
              "the run's time. idle: no requests; arrivals: none waited; batch_limit: some waited "
              "and as many ran as the policy lets; admission: some waited for memory or for the "
              "step's tokens");
  write_cells(json, summary,
              {"gpu_busy", "time_idle", "time_arrivals", "time_batch_limit", "time_admission"});
  json.string("limited_by", cell(summary, "limited_by"));
  json.close();
  json.close();
}

Int128 integral_of(const UsageTotals& usage, std::string_view name) {
  return usage.class_integral(class_index(name));
}

void write_categories(JsonWriter& json, const UsageTotals& usage) {
  const Int128 live = integral_of(usage, "kv_live");
  const Int128 future = integral_of(usage, "kv_reserved_future");
  const Int128 never = integral_of(usage, "kv_reserved_never");
  json.open_object("paged_attention_categories");
  json.string("of", "bytes of the KV pool, weighted by time over the run");
  json.value("token_states", ratio_text(live, usage.pool()));
  json.value("reservation", ratio_text(future, usage.pool()));
  json.value("internal_fragmentation", ratio_text(never, usage.pool()));
  json.value("external_fragmentation_and_others",
             ratio_text(usage.pool() - live - future - never, usage.pool()));
  json.close();
}

void write_pool(JsonWriter& json, const Measured& measured, const Summary& summary) {
  const UsageTotals& usage = measured.usage;
  json.open_object("kv_pool");
  write_cells(json, summary, {"kv_pool_bytes", "kv_blocks", "kv_capacity_tokens"});
  write_cells(json, summary,
              {"kv_reserved_mean_bytes", "kv_wasted_mean_bytes", "kv_reserved_peak_bytes"});
  json.open_object("of_reserved");
  json.string("of",
              "bytes of the KV pool that sequences hold, without the reclaimable prefix cache, "
              "weighted by time");
  write_cells(json, summary, {"kv_waste_of_reserved"});
  json.close();
  json.open_object("of_pool");
  json.string("of", "bytes of the KV pool, weighted by time");
  write_cells(json, summary, {"kv_waste_of_pool", "kv_live_of_pool"});
  json.close();
  json.open_object("of_free");
  json.string("of", "free bytes of the KV pool outside the longest free run, weighted by time");
  write_cells(json, summary, {"external_fragmentation"});
  json.close();
  write_categories(json, usage);
  json.close();
}

void write_device(JsonWriter& json, const UsageTotals& usage, const Summary& summary) {
  json.open_object("device_memory");
  json.string("of", "bytes of all devices, weighted by time over the run");
  write_cells(json, summary, {"capacity_bytes"});
  for (std::size_t i = 0; i < DeviceLedger::num_classes; ++i) {
    const std::string name(DeviceLedger::class_names[i]);
    json.open_object(name);
    json.value("mean_bytes", cell(summary, name + "_mean_bytes"));
    json.value("of_capacity", ratio_text(usage.class_integral(i), usage.capacity()));
    json.close();
  }
  json.close();
}

}  // namespace

std::string make_summary_json(const Measured& measured, const Summary& summary,
                              std::string_view name) {
  JsonWriter json;
  json.string("name", name);
  write_requests(json, summary);
  write_throughput(json, summary);
  write_latencies(json, measured, summary);
  write_phases(json, summary);
  write_batches(json, summary);
  write_pool(json, measured, summary);
  write_device(json, measured.usage, summary);
  return json.finish();
}

}  // namespace tessera
