#include "sim/metrics/perfetto_trace.hpp"

#include <string>

#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

// Of one step or one request, as the members of a JSON object.
class Arguments {
 public:
  Arguments& add(std::string_view name, std::int64_t value) {
    text_ += text_.empty() ? "\"" : ",\"";
    text_ += name;
    text_ += "\":";
    append_integer(text_, value);
    return *this;
  }
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string text_;
};

void append_microseconds(std::string& out, Duration duration) {
  append_milliseconds(out, duration * 1000);
}

std::string_view kind_of(const StepShape& shape) {
  const bool prefills = shape.prefill_sequences > 0;
  return prefills && shape.decode_sequences > 0 ? "prefill and decode"
         : prefills                             ? "prefill"
                                                : "decode";
}

}  // namespace

std::size_t TraceLanes::place(SimTime begin, SimTime end) {
  std::size_t lane = num_lanes_;
  const auto later = free_since_.upper_bound(begin);
  if (later == free_since_.begin()) {
    ++num_lanes_;
  } else {
    const auto latest = std::prev(later);
    lane = latest->second;
    free_since_.erase(latest);
  }
  free_since_.emplace(end, lane);
  return lane;
}

PerfettoTrace::PerfettoTrace(const std::filesystem::path& folder, std::int64_t num_engines)
    : file_(folder / "trace.json", "{\"displayTimeUnit\":\"ms\",\"traceEvents\":["),
      engines_(static_cast<std::size_t>(num_engines)) {
  for (std::size_t i = 0; i < engines_.size(); ++i) {
    name_track(EngineId{static_cast<std::uint32_t>(i)}, "process_name", 0,
               "engine " + std::to_string(i));
  }
}

void PerfettoTrace::add(const StepRecord& record) {
  Arguments arguments;
  arguments.add("iteration", record.iteration)
      .add("batch_size", record.shape.prefill_sequences + record.shape.decode_sequences)
      .add("tokens", record.shape.tokens().count())
      .add("preempted", static_cast<std::int64_t>(record.step->preempted.size()))
      .add("finished", static_cast<std::int64_t>(record.finished->size()));
  if (record.free_blocks_after_schedule) {
    arguments.add("free_blocks", record.free_blocks_after_schedule->count());
  }
  const std::size_t lane = engine(record.engine).steps.place(record.start, record.end);
  add_slice(record.engine, static_cast<std::int64_t>(Track::steps) + static_cast<int>(lane),
            kind_of(record.shape), record.start, record.end, arguments.text());
}

void PerfettoTrace::add(const UsageRecord& record) {
  Engine& seen = engine(record.engine);
  if (!seen.queues || seen.queues->running != record.queues.running ||
      seen.queues->waiting != record.queues.waiting) {
    seen.queues = record.queues;
    add_counter(record.engine, "requests", record.time,
                Arguments()
                    .add("running", record.queues.running)
                    .add("waiting", record.queues.waiting)
                    .text());
  }
  const KvUsage& kv = record.ledger.kv;
  if (record.device == 0 && seen.kv != kv) {
    seen.kv = kv;
    add_counter(record.engine, "KV cache (bytes)", record.time,
                Arguments()
                    .add("live", kv.live.count())
                    .add("cached_prefix", kv.cached_prefix.count())
                    .add("wasted", kv.wasted().count())
                    .text());
  }
}

void PerfettoTrace::add(const SpanRecord& span) {
  for (std::int64_t n = 0; n < span.num_steps; ++n) {
    add(span.usage_of(n));
    add(span.record_of(n));
  }
}

void PerfettoTrace::add(const RequestRecord& record) {
  const SimTime arrival = record.request.arrival;
  const std::size_t lane = engine(record.engine).requests.place(arrival, record.ended);
  const auto thread = static_cast<std::int64_t>(Track::requests) + static_cast<int>(lane);
  const std::string name = "request " + std::to_string(number_of(record.request.id));
  add_slice(record.engine, thread, name, arrival, record.ended,
            Arguments()
                .add("prompt_tokens", record.request.prompt.count())
                .add("output_tokens", record.output.count())
                .add("preemptions", record.num_preemptions)
                .text());
  const SimTime scheduled = record.scheduled.value_or(record.ended);
  const SimTime first = record.first_token.value_or(record.ended);
  add_slice(record.engine, thread, "queued", arrival, scheduled, {});
  add_slice(record.engine, thread, "prefill", scheduled, first, {});
  add_slice(record.engine, thread, "decode", first, record.ended, {});
}

void PerfettoTrace::close() {
  for (std::size_t i = 0; i < engines_.size(); ++i) {
    const EngineId id{static_cast<std::uint32_t>(i)};
    for (std::size_t lane = 0; lane < engines_[i].steps.size(); ++lane) {
      name_track(id, "thread_name",
                 static_cast<std::int64_t>(Track::steps) + static_cast<int>(lane),
                 lane == 0 ? std::string("steps") : "steps, in flight " + std::to_string(lane + 1));
    }
    for (std::size_t lane = 0; lane < engines_[i].requests.size(); ++lane) {
      name_track(id, "thread_name",
                 static_cast<std::int64_t>(Track::requests) + static_cast<int>(lane),
                 "requests, lane " + std::to_string(lane + 1));
    }
  }
  file_.row() += "]}";
  file_.row_done();
  file_.close();
}

std::string& PerfettoTrace::begin_event(char phase, EngineId engine, std::string_view name) {
  std::string& row = file_.row();
  row += is_first_ ? "{\"ph\":\"" : ",{\"ph\":\"";
  is_first_ = false;
  row += phase;
  row += "\",\"pid\":";
  append_integer(row, number_of(engine) + 1);
  row += ",\"name\":\"";
  row += name;
  row += '"';
  return row;
}

void PerfettoTrace::end_event() {
  file_.row() += "}";
  file_.row_done();
}

void PerfettoTrace::add_slice(EngineId engine, std::int64_t thread, std::string_view name,
                              SimTime begin, SimTime end, std::string_view arguments) {
  if (end == begin) {
    return;
  }
  std::string& row = begin_event('X', engine, name);
  row += ",\"tid\":";
  append_integer(row, thread);
  row += ",\"ts\":";
  append_microseconds(row, begin.since_start());
  row += ",\"dur\":";
  append_microseconds(row, end - begin);
  if (!arguments.empty()) {
    row += ",\"args\":{";
    row += arguments;
    row += '}';
  }
  end_event();
}

void PerfettoTrace::add_counter(EngineId engine, std::string_view name, SimTime time,
                                std::string_view arguments) {
  std::string& row = begin_event('C', engine, name);
  row += ",\"ts\":";
  append_microseconds(row, time.since_start());
  row += ",\"args\":{";
  row += arguments;
  row += '}';
  end_event();
}

void PerfettoTrace::name_track(EngineId engine, std::string_view what, std::int64_t thread,
                               std::string_view name) {
  std::string& row = begin_event('M', engine, what);
  row += ",\"tid\":";
  append_integer(row, thread);
  row += ",\"args\":{\"name\":\"";
  row += name;
  row += "\"}";
  end_event();
}

}  // namespace tessera
