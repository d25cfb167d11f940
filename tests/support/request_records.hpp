// Records of requests whose numbers are of any magnitude, and that keep every invariant.
#pragma once

#include <algorithm>

#include "tessera/core/random.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

class RequestRecords {
 public:
  RequestRecord next() {
    most_bits_ = random_() % 4 == 0 ? 80 : 61;
    RequestRecord record;
    record.engine = EngineId{static_cast<std::uint32_t>(random_() % 12)};
    record.request.arrival = SimTime::at(length());
    record.ended = record.request.arrival;
    record.request.prompt = Tokens{count()};
    record.cached = Tokens{count()};
    record.num_preemptions = count();
    record.kv_peak_written = Bytes{count()};
    record.kv_peak_reserved = std::max(record.kv_peak_written, Bytes{count()});
    record.status = static_cast<RequestStatus>(random_() % 2 == 0 ? 0 : random_() % 5);
    if (record.status == RequestStatus::rejected) {
      record.reason = EndReason::prompt_too_long;
    } else {
      run(record);
    }
    return record;
  }

 private:
  // Ten thousand of them fit into 64 bits.
  std::int64_t count() { return static_cast<std::int64_t>(random_() >> (16 + random_() % 48)); }
  Duration length() {
    const Int128 bits = (static_cast<Int128>(random_()) << 16) + (random_() & 0xffff);
    return Duration::picoseconds(bits >> (80 - random_() % (most_bits_ + 1)));
  }
  void run(RequestRecord& record) {
    record.kv_wasted_byte_picoseconds = length().picoseconds() << (random_() % 16);
    record.reason = random_() % 8 == 0 ? EndReason::length : EndReason::none;
    record.output = Tokens{1 + count()};
    record.request.output = record.output;
    record.scheduled = record.request.arrival + length();
    record.first_token = *record.scheduled + length();
    record.ended = *record.first_token + length();
    Duration left = record.ended - record.request.arrival;
    for (const PhaseColumn& column : phase_columns) {
      const Duration part = random_() % 2 == 0 ? Duration{} : std::min(left, length());
      record.phases.*column.part = part;
      left -= part;
    }
    (random_() % 4 == 0 ? record.phases.held : record.phases.decode) += left;
  }

  RandomStream random_{11, "records"};
  std::uint64_t most_bits_ = 0;
};

}  // namespace tessera
