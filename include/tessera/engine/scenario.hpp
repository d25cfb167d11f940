// A scenario: everything that determines a run, as a plain validated value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/core/time.hpp"
#include "tessera/cost/cost_specs.hpp"
#include "tessera/cost/engine_overheads.hpp"
#include "tessera/hardware/node.hpp"
#include "tessera/memory/kv_specs.hpp"
#include "tessera/memory/memory_plan.hpp"
#include "tessera/model/model.hpp"
#include "tessera/model/shard.hpp"
#include "tessera/scheduling/policy_specs.hpp"
#include "tessera/workload/workload_specs.hpp"

namespace tessera {

// Which engine a request goes to. All but the first look at the engines as they were at their last
// iteration's boundary, and know what has been sent to them since.
//   round_robin        in turn
//   random             any, with equal chances
//   least_outstanding  the one with the fewest requests that have not ended
//   least_kv           the one with the least KV reserved
//   power_of_two       of two that are drawn, the one with the fewest outstanding requests
//   prefix_affinity    the one that was last sent the longest prefix of the prompt's content,
//   unless
//                      the load is lopsided; else least_outstanding
enum class Router {
  round_robin,
  random,
  least_outstanding,
  least_kv,
  power_of_two,
  prefix_affinity
};
template <>
struct EnumNames<Router> {
  static constexpr std::array<std::string_view, 6> names{
      "round_robin", "random", "least_outstanding", "least_kv", "power_of_two", "prefix_affinity"};
};

struct ParallelSpec {
  std::int64_t tensor = 1;
  std::int64_t pipeline = 1;
  std::int64_t replicas = 1;
  Router router = Router::round_robin;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    const auto degree = between(std::int64_t{1}, std::int64_t{64});
    v.field("tensor", self.tensor, degree, "GPUs that share every layer");
    v.field("pipeline", self.pipeline, degree, "stages, each with its part of the layers");
    v.field("replicas", self.replicas, degree,
            "engines that share the requests, each on tensor x pipeline GPUs");
    v.field("router", self.router, "which engine a request goes to");
  }
  [[nodiscard]] ShardDegrees degrees() const { return {tensor, pipeline}; }
  [[nodiscard]] std::int64_t devices() const { return tensor * pipeline * replicas; }
};

// How the simulation gets through steps that decide nothing: one at a time, or many at once. The
// results are the same, to the byte.
enum class Advance { span, step };
template <>
struct EnumNames<Advance> {
  static constexpr std::array<std::string_view, 2> names{"span", "step"};
};

struct EngineSpec {
  PolicySpec policy;
  KvCacheSpec kv_cache;
  MemorySpec memory;
  std::optional<Tokens> max_model_len;
  ParallelSpec parallel;
  EngineOverheads overheads;
  Advance advance = Advance::span;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("policy", self.policy, "which requests a step computes");
    v.field("kv_cache", self.kv_cache, "who owns the KV pool, in which pieces");
    v.field("memory", self.memory, "how much of the device the engine takes");
    v.field("max_model_len", self.max_model_len, between(Tokens{2}, Tokens{1'000'000'000}),
            "longest prompt + output; null: the model's");
    v.field("parallel", self.parallel, "how the model is spread over GPUs");
    v.field("overheads", self.overheads,
            "what the engine adds to its kernels: a preset's name, or a "
            "mapping");
    v.field("advance", self.advance,
            "span: simulate many equal steps at once where the rules allow it; step: one by one, "
            "with the same results");
  }
};

// A limit on a latency: on the mean or a percentile, or (`each`) on every request, of which
// `attainment` must keep it. Written bare, `ttft: 2 s` is a limit on every request.
struct LatencyLimit {
  std::optional<Duration> each;
  std::optional<Duration> mean;
  std::optional<Duration> median;
  std::optional<Duration> p90;
  std::optional<Duration> p95;
  std::optional<Duration> p99;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    const auto positive = more_than(Duration{});
    v.field("each", self.each, positive, "limit on every request");
    v.field("mean", self.mean, positive, "limit on the mean");
    v.field("median", self.median, positive, "limit on the median");
    v.field("p90", self.p90, positive, "limit on the 90th percentile");
    v.field("p95", self.p95, positive, "limit on the 95th percentile");
    v.field("p99", self.p99, positive, "limit on the 99th percentile");
  }
  [[nodiscard]] bool any() const { return each || mean || median || p90 || p95 || p99; }
};

struct SloSpec {
  LatencyLimit ttft;
  LatencyLimit tpot;
  LatencyLimit e2el;
  double attainment = 0.95;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("ttft", self.ttft, "time to first token");
    v.field("tpot", self.tpot, "time per output token after the first");
    v.field("e2el", self.e2el, "arrival to last token");
    v.field("attainment", self.attainment, within(0.0, 1.0),
            "share of the requests that must keep every limit on each");
  }
};

// A series of samples: off, or a row every so often.
struct SeriesSpec {
  Duration every = Duration::seconds(1);

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("every", self.every, more_than(Duration{}),
            "between rows; widened, and said, to at most 10,000 rows");
  }
};

struct OutputSpec {
  bool iterations = false;
  bool steps = false;
  bool request_kv = false;
  bool generation = false;
  bool trace = false;
  std::optional<SeriesSpec> memory = SeriesSpec{};
  std::optional<SeriesSpec> timeseries = SeriesSpec{};
  std::optional<SeriesSpec> free_runs;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("iterations", self.iterations, "iterations.csv: a row a step, with its time's bounds");
    v.field("steps", self.steps, "steps.csv: a row a step, with its decisions");
    v.field("request_kv", self.request_kv, "request_kv.csv: every request's KV growth");
    v.field("generation", self.generation,
            "generation.csv: a row a step, with its work without a KV cache and with one");
    v.field("trace", self.trace, "trace.json for ui.perfetto.dev");
    v.field("memory", self.memory, "memory.csv; null: none");
    v.field("timeseries", self.timeseries, "timeseries.csv; null: none");
    v.field("free_runs", self.free_runs,
            "free_runs.csv: how many free runs of which size the KV pool has; null: none");
  }
};

struct Scenario {
  std::string name = "tessera";
  std::uint64_t seed = 1;
  HardwareSpec hardware;
  ModelSpec model;
  PrecisionSpec precision;
  EngineSpec engine;
  CostSpec cost;
  WorkloadSpec workload;
  std::optional<SloSpec> slo;
  OutputSpec output;
  std::string directory;  // where relative file names start; not a key

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("name", self.name, "a name for the results");
    v.field("seed", self.seed, "of every random stream");
    v.field("hardware", self.hardware, "the node");
    v.required("model", self.model,
               "a preset's name, a mapping, or {hugging_face: path/to/config.json}");
    v.field("precision", self.precision, "number formats");
    v.field("engine", self.engine, "the serving engine");
    v.field("cost", self.cost, "how long a step takes");
    v.field("workload", self.workload, "the requests");
    v.field("slo", self.slo, "the latencies that are promised; null: none");
    v.field("output", self.output, "the files that are written");
  }

  // Longest prompt + output: the engine's limit, else the model's positions, else 2048.
  [[nodiscard]] Tokens max_model_len() const;
};

}  // namespace tessera
