#include "sim/metrics/joint_peak.hpp"

#include <algorithm>

namespace tessera {
namespace {

SimTime just_before(SimTime time) {
  return SimTime::at(time.since_start() - Duration::picoseconds(1));
}

}  // namespace

JointPeak::Holding::Holding(const UsageRecord& record)
    : since_(record.time), first_(record.ledger.kv.reserved()), most_(first_) {}

JointPeak::Holding::Holding(const SpanRecord& span)
    : since_(span.start),
      first_(span.idle->kv.reserved() + span.reserved),
      most_(first_ + span.block * span.num_taken) {
  if (span.num_taken > 0) {
    taken_.assign(span.taken.begin(), span.taken.end());
    span_ = span;
    span_->taken = taken_;
  }
}

Bytes JointPeak::Holding::at(SimTime time) const {
  if (!span_ || time >= span_->end) {
    return most_;
  }
  return first_ + span_->block * span_->taken_until(span_->step_at(time));
}

JointPeak::JointPeak(std::int64_t engines) : engines_(static_cast<std::size_t>(engines)) {}

void JointPeak::add(const UsageRecord& record) {
  Engine& told = engine(record.engine);
  told.next.emplace_back(record);
  told.known_until = record.time;
  settle();
}

// What the engine holds from the end of the span on is told later.
void JointPeak::add(const SpanRecord& span) {
  Engine& told = engine(span.engine);
  told.next.emplace_back(span);
  told.known_until = just_before(span.end);
  settle();
}

void JointPeak::finish() {
  for (Engine& engine : engines_) {
    engine.known_until = SimTime::max();
  }
  settle();
  look_before(SimTime::max());
}

// Goes through the moments at which an engine begins something new, as far as all are known.
void JointPeak::settle() {
  while (true) {
    SimTime known = SimTime::max();
    SimTime time = SimTime::max();
    for (const Engine& engine : engines_) {
      if (engine.next.empty()) {
        known = std::min(known, engine.known_until);
      } else {
        time = std::min(time, engine.next.front().since());
      }
    }
    if (time > known || time == SimTime::max()) {
      return;
    }
    const bool may_be_more = bound(time) > peak_;
    if (may_be_more) {
      look_before(time);
    }
    for (Engine& engine : engines_) {
      begin(engine, time);
      if (may_be_more) {
        const Bytes reserved = engine.now.at(time);
        sum_ += reserved - engine.reserved;
        peak_ = std::max(peak_, sum_);
      }
    }
  }
}

// No less than what is reserved until `time`, and then.
Bytes JointPeak::bound(SimTime time) const {
  Bytes sum{0};
  for (const Engine& engine : engines_) {
    Bytes most = engine.now.most();
    for (const Holding& next : engine.next) {
      if (next.since() > time) {
        break;
      }
      most = std::max(most, next.first());
    }
    sum += most;
  }
  return sum;
}

void JointPeak::look_before(SimTime time) {
  sum_ = Bytes{0};
  for (Engine& engine : engines_) {
    const bool has_begun = engine.now.since() < time;
    engine.reserved = has_begun ? engine.now.at(just_before(time)) : Bytes{0};
    sum_ += engine.reserved;
  }
  peak_ = std::max(peak_, sum_);
}

void JointPeak::begin(Engine& engine, SimTime time) {
  while (!engine.next.empty() && engine.next.front().since() == time) {
    engine.now = std::move(engine.next.front());
    engine.next.pop_front();
  }
}

}  // namespace tessera
