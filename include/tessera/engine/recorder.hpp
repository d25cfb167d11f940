// What a run tells whoever watches it. The engine owns this interface; metrics implement it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/decimal.hpp"
#include "tessera/core/distribution.hpp"
#include "tessera/core/duration_series.hpp"
#include "tessera/core/quantity.hpp"
#include "tessera/core/time.hpp"
#include "tessera/cost/cost_model.hpp"
#include "tessera/memory/ledger.hpp"
#include "tessera/memory/memory_plan.hpp"
#include "tessera/scheduling/batch_policy.hpp"
#include "tessera/scheduling/step.hpp"
#include "tessera/workload/request_source.hpp"

namespace tessera {

// Number of a replica in the node, from 0.
enum class EngineId : std::uint32_t {};
[[nodiscard]] constexpr std::int64_t number_of(EngineId id) {
  return static_cast<std::int64_t>(id);
}

enum class RequestStatus { finished, rejected, cancelled, timed_out, unfinished };
template <>
struct EnumNames<RequestStatus> {
  static constexpr std::array<std::string_view, 5> names{"finished", "rejected", "cancelled",
                                                         "timed_out", "unfinished"};
};

// Why a request was rejected, or ended before its drawn length. none: it ended by itself.
enum class EndReason { none, length, prompt_too_long, exceeds_pool };
template <>
struct EnumNames<EndReason> {
  static constexpr std::array<std::string_view, 4> names{"", "length", "prompt_too_long",
                                                         "exceeds_pool"};
};

// Where a request's time went, from its arrival to its end: the parts sum to it exactly.
// sim/engine/phase_account.hpp says what each of them is.
struct RequestPhases {
  Duration queued_slot;    // before its first admission: sequences or tokens were what was missing
  Duration queued_memory;  // before its first admission: memory blocked the queue
  Duration prefill;        // to its first token
  Duration decode;         // after it, without the next
  Duration stalled;        // after it, in what the prefills of others took of steps
  Duration preempted;      // its memory was taken, and it waited to be admitted again
  Duration recomputed;     // from then on to its next token
  Duration swapped;        // in host memory
  Duration held;           // by a static batch after its last token

  [[nodiscard]] Duration total() const {
    return queued_slot + queued_memory + prefill + decode + stalled + preempted + recomputed +
           swapped + held;
  }
};

// Their names and places, in the order of the files.
struct PhaseColumn {
  std::string_view name;
  Duration RequestPhases::*part;
};
inline constexpr std::array<PhaseColumn, 9> phase_columns{{
    {"queued_slot_ms", &RequestPhases::queued_slot},
    {"queued_memory_ms", &RequestPhases::queued_memory},
    {"prefill_ms", &RequestPhases::prefill},
    {"decode_ms", &RequestPhases::decode},
    {"stalled_ms", &RequestPhases::stalled},
    {"preempted_ms", &RequestPhases::preempted},
    {"recomputed_ms", &RequestPhases::recomputed},
    {"swapped_ms", &RequestPhases::swapped},
    {"held_ms", &RequestPhases::held},
}};

struct RequestRecord {
  Request request;
  EngineId engine{};
  RequestStatus status = RequestStatus::finished;
  EndReason reason = EndReason::none;
  std::optional<SimTime> scheduled;  // first admission
  std::optional<SimTime> first_token;
  SimTime ended;     // the last token, the end of its static batch, or the rejection
  Tokens output{0};  // sampled
  Tokens cached{0};
  std::int64_t num_preemptions = 0;
  Bytes kv_peak_written{0};
  Bytes kv_peak_reserved{0};
  Int128 kv_wasted_byte_picoseconds = 0;  // ∫ reserved − written over its life
  RequestPhases phases;                   // nothing but zeros if it was rejected

  // first token − arrival
  [[nodiscard]] std::optional<Duration> ttft() const {
    return first_token ? std::optional(*first_token - request.arrival) : std::nullopt;
  }
  // (e2el − ttft)/(output − 1), output > 1
  [[nodiscard]] std::optional<Duration> tpot() const {
    if (status != RequestStatus::finished || output <= Tokens{1}) {
      return std::nullopt;
    }
    return divide_nearest(ended - *first_token, output.count() - 1);
  }
  // finished ones: ended − arrival
  [[nodiscard]] std::optional<Duration> e2el() const {
    return status == RequestStatus::finished ? std::optional(ended - request.arrival)
                                             : std::nullopt;
  }
};

// A step that has run. Everything it points to is valid during the call only.
struct StepRecord {
  EngineId engine{};
  std::int64_t iteration = 0;  // of this engine, from 0
  SimTime scheduled;           // when it was decided
  SimTime start;               // when the GPU began
  SimTime end;
  StepTime time;
  const Step* step = nullptr;
  StepShape shape;
  const std::vector<Sequence*>* finished = nullptr;  // sampled their last token in it
  QueueSizes before;                                 // after arrivals, before scheduling
  QueueSizes after;                                  // once finished requests had left
  std::optional<Blocks> free_blocks_after_schedule;
  std::optional<Blocks> free_blocks_after;
  std::optional<Blocks> total_blocks;
};

// Who holds what from `time` on, until the next record of the same engine.
struct UsageRecord {
  EngineId engine{};
  std::int64_t device = 0;
  SimTime time;
  DeviceLedger ledger;
  QueueSizes queues;
};

// Why no more requests ran, by what was seen at each moment.
enum class Limit {
  idle,         // nothing ran and nothing waited
  arrivals,     // some ran, none waited
  batch_limit,  // some waited, and as many ran as may
  admission     // some waited although fewer ran than may: for memory, or for the step's tokens
};
template <>
struct EnumNames<Limit> {
  static constexpr std::array<std::string_view, 4> names{"idle", "arrivals", "batch_limit",
                                                         "admission"};
};
inline constexpr std::size_t num_limits = EnumNames<Limit>::names.size();
[[nodiscard]] inline Limit limit_of(const QueueSizes& queues, std::int64_t max_num_seqs) {
  if (queues.waiting + queues.swapped == 0) {
    return queues.running == 0 ? Limit::idle : Limit::arrivals;
  }
  return queues.running >= max_num_seqs ? Limit::batch_limit : Limit::admission;
}

// What all the spans of an engine sum to, which holds its idle ledger wherever nothing else is
// said. Integrals are over time, in picoseconds.
struct SpanSums {
  EngineId engine{};
  std::int64_t spans = 0;
  std::int64_t iterations = 0;
  StepTime time;  // of all steps
  std::int64_t preemptions = 0;
  std::int64_t recomputed_tokens = 0;  // computed before, and lost
  // ∫ of the bytes that differ from the idle ledger.
  Int128 workspace = 0;
  Int128 live = 0;
  Int128 reserved = 0;
  Int128 never = 0;
  Int128 unguarded = 0;  // of the watermark's blocks, in use
  // ∫ of the sequences, and the time at each limit.
  Int128 running = 0;
  Int128 waiting = 0;
  std::array<Int128, num_limits> time_at{};
  std::int64_t max_running = 0;
  Bytes peak_reserved{0};
};

// Steps that have run, one after the other without a gap, and the use of memory at each of them:
// one step with whatever it decided, or many of the same sequences, each of which decodes a token a
// step, while nobody arrives that is seen, nobody joins and nobody leaves before the last. Steps
// are counted from 0 here. Everything it points to is valid during the call only.
struct SpanRecord {
  EngineId engine{};
  std::int64_t device = 0;
  std::int64_t first_iteration = 0;
  std::int64_t num_steps = 1;
  SimTime start;  // of step 0, when it was decided, too
  SimTime end;    // of the last

  // Time. Each step takes the common part and, for each token of its priced context, the price; the
  // context grows by the decoding sequences a step.
  DurationSeries durations;
  Int128 step_moment = 0;  // Σ n · the time of step n
  const StepTime* common = nullptr;
  const StepTime* context_price = nullptr;
  std::int64_t priced_context = 0;  // of step 0

  StepShape shape;                 // of step 0; decode_context grows by decode_sequences a step
  QueueSizes queues;               // while they run
  std::int64_t num_preempted = 0;  // by step 0

  // Tokens.
  std::int64_t first_prompts = 0;  // prompt tokens of those who sample for the first time

  // The step that was repeated, where the engine knows its sequences, all of which decode: then
  // the gaps to their last tokens before step 0 are left to the recorder, and so is what of their
  // work had been lost. Where it is not known, the engine sums spans up and tells gaps by itself
  // (SpanSums), and the moments are not known either.
  const Step* repeated = nullptr;
  [[nodiscard]] bool is_summed() const { return repeated == nullptr; }
  // Where it is known, also what the last step left.
  const std::vector<Sequence*>* finished = nullptr;
  QueueSizes after;
  std::optional<Blocks> free_blocks_after;
  std::optional<Blocks> total_blocks;

  // Memory, from the start of step 0, after what it decided: what differs from the ledger of an
  // idle engine, or from any other that `idle` points to.
  const DeviceLedger* idle = nullptr;
  Bytes workspace_used{0};
  Bytes live{0};
  Bytes reserved{0};
  Bytes never{0};
  Bytes unguarded{0};    // of the watermark's blocks, in use
  Bytes live_growth{0};  // a step
  Bytes pad_growth{0};   // a step
  // The step of iteration i takes taken[i % taken.size()] free blocks; step 0 has taken its own.
  std::span<const std::int64_t> taken;
  Bytes block{0};
  std::int64_t num_taken = 0;  // by the steps after step 0
  Int128 taken_moment = 0;  // Σ over these blocks of the time from when each is taken to the end
  // Last blocks of sequences, among those: in order of their steps, without step 0's own.
  struct LastBlock {
    std::int64_t step = 0;
    Bytes never{0};  // of it, will never be used
  };
  std::span<const LastBlock> last_blocks;
  Int128 never_moment = 0;  // Σ over these of never × the time from when each is taken to the end
  std::optional<Blocks> free_blocks;  // after step 0's decisions

  // All of these are about step `n`, 0 <= n < num_steps.
  [[nodiscard]] SimTime start_of(std::int64_t n) const;
  [[nodiscard]] StepTime time_of(std::int64_t n) const;
  // Of so many tokens of context.
  [[nodiscard]] StepTime times_price(std::int64_t context) const;
  // What a step takes longer than the one before it.
  [[nodiscard]] StepTime longer() const { return times_price(shape.decode_sequences); }
  // Blocks that it takes, if n > 0.
  [[nodiscard]] std::int64_t taken_by(std::int64_t n) const;
  // Blocks that the steps 1 … n take.
  [[nodiscard]] std::int64_t taken_until(std::int64_t n) const;
  [[nodiscard]] Bytes never_in(std::int64_t n) const;
  [[nodiscard]] DeviceLedger ledger_of(std::int64_t n) const;
  // As if it had been recorded by itself. Precondition: `repeated` is known.
  [[nodiscard]] StepRecord record_of(std::int64_t n) const;
  [[nodiscard]] UsageRecord usage_of(std::int64_t n) const;
  // The last step that has begun at `time`. Precondition: start <= time < end.
  [[nodiscard]] std::int64_t step_at(SimTime time) const;
};

// A change of what one sequence's KV holds.
struct RequestKvRecord {
  RequestId request{};
  EngineId engine{};
  SimTime time;
  Bytes written{0};
  Bytes reserved{0};
};

// What the memory buys, before the first request.
struct NodeRecord {
  std::int64_t engines = 1;
  std::int64_t stages = 1;          // of each engine's pipeline
  MemoryPlan plan;                  // of the lead device of each engine
  std::vector<MemoryPlan> devices;  // all devices of each engine
  Bytes kv_bytes_per_token{0};      // over the devices of an engine
  Tokens kv_capacity{0};            // entries of one engine's pool
  std::optional<Blocks> kv_blocks;  // that sequences can get
  Tokens max_model_len{0};
  std::int64_t longest_requests_that_fit = 0;  // of max_model_len tokens, at once
  // Why the engines advance step by step, in a few words; empty where they do not.
  std::string why_step_by_step;
};

// The free runs of an engine's KV pool, on its lead device: valid during the call.
struct FreeRunsRecord {
  EngineId engine{};
  SimTime time;
  std::span<const Bytes> runs;
};

struct RunEnd {
  SimTime time;  // of the last event
  SourceCounts source;
  std::int64_t iterations = 0;
};

class Recorder {
 public:
  Recorder() = default;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  virtual ~Recorder() = default;

  virtual void on_start(const NodeRecord&) {}
  virtual void on_step(const StepRecord&) {}
  virtual void on_usage(const UsageRecord&) {}
  // Where takes_spans() holds, this may stand for on_step and the on_usage of each step's start;
  // the others are called as ever.
  virtual void on_span(const SpanRecord&) {}
  // Whether it can do with what a span says.
  [[nodiscard]] virtual bool takes_spans() const { return false; }
  // An engine may sum its spans up: it tells what they sum to once it has ended, and puts the times
  // between the tokens of a request, of all requests, where gaps() says, if anywhere. It then keeps
  // them to itself, unless the recorder looks into spans.
  virtual void on_sums(const SpanSums&) {}
  [[nodiscard]] virtual Distribution* gaps() { return nullptr; }
  [[nodiscard]] virtual bool looks_into_spans() const { return false; }
  // Whether spans must name their sequences, as `repeated` does.
  [[nodiscard]] virtual bool names_sequences() const { return false; }
  virtual void on_request_end(const RequestRecord&) {}
  // Called only where wants_request_kv() holds: it costs a call per sequence and step.
  virtual void on_request_kv(const RequestKvRecord&) {}
  [[nodiscard]] virtual bool wants_request_kv() const { return false; }
  // Called after on_usage where wants_free_runs() holds: it costs a look at every free run.
  virtual void on_free_runs(const FreeRunsRecord&) {}
  [[nodiscard]] virtual bool wants_free_runs() const { return false; }
  virtual void on_end(const RunEnd&) {}
};

}  // namespace tessera
