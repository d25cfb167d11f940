// The cells of a row of requests.csv.
#pragma once

#include <cstdint>
#include <limits>

#include "sim/metrics/row_text.hpp"
#include "sim/metrics/usual_request.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/decimal_digits.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

// In the order of the columns. How a cell is written is up to the kind of row: of a usual request,
// or of any.
template <class Row, class Request>
[[gnu::always_inline]] inline void write_request(Row& row, const Request& request,
                                                 const RequestRecord& record) {
  row.id(record.request.id);
  row.count(number_of(record.engine));
  row.instant(request.arrival());
  row.instant(request.scheduled());
  row.instant(request.first_token());
  row.finished(record);
  row.count(record.request.prompt.count());
  row.count(record.output.count());
  row.count(record.cached.count());
  row.latency(request.ttft());
  row.tpot(request);
  row.latency(request.e2el());
  row.count(record.num_preemptions);
  row.bytes(record.kv_peak_written);
  row.bytes(record.kv_peak_reserved);
  // Byte-seconds from byte-picoseconds: the same shift of the decimal point as a time's.
  row.seconds(Duration::picoseconds(record.kv_wasted_byte_picoseconds));
  row.outcome(record);
  row.phases(request);
  row.end();
}

// A usual request's cells in few instructions.
class UsualRow : public RowText {
 public:
  [[gnu::always_inline]] UsualRow(RowWriter& file, digits::RecentSeconds& recent)
      : RowText(file), recent_(recent) {}

  // Mostly, a request's instants lie within the same second.
  [[gnu::always_inline]] void instant(std::uint64_t picoseconds) {
    const digits::Scaled<4> time(picoseconds);
    const auto fraction = digits::FractionDigits<4>::of(time.fraction);
    if (time.whole != seconds_) {
      const digits::RecentSeconds::Text& text = recent_.of(time.whole);
      seconds_ = time.whole;
      letters_ = text.letters;
      length_ = text.length;
    }
    narrow_seconds(letters_, length_, fraction);
  }
  [[gnu::always_inline]] void finished(const RequestRecord& record) {
    instant(static_cast<std::uint64_t>(record.ended.since_start().picoseconds()));
  }
  [[gnu::always_inline]] void latency(std::uint64_t picoseconds) { narrow_latency(picoseconds); }
  [[gnu::always_inline]] void tpot(const UsualRequest& request) {
    if (request.has_tpot()) [[likely]] {
      latency(request.tpot());
    } else {
      empty();
    }
  }
  // Bytes times seconds are more than 63 bits hold where a model is large.
  [[gnu::always_inline]] void seconds(Duration product) {
    const auto low = static_cast<std::int64_t>(product.picoseconds());
    if (static_cast<std::uint64_t>(product.picoseconds() >> 64) == 0 && low >= 0) [[likely]] {
      narrow_seconds(digits::computed_here(static_cast<std::uint64_t>(low)));
    } else {
      RowText::seconds(product);
    }
  }
  [[gnu::always_inline]] void outcome(const RequestRecord& /*record*/) { text("finished,,"); }
  // In the order of phase_columns.
  [[gnu::always_inline]] void phases(const UsualRequest& request) {
    common_wait(request.phase(&RequestPhases::queued_slot));
    rare_wait(request.phase(&RequestPhases::queued_memory));
    latency(request.phase(&RequestPhases::prefill));
    latency(request.phase(&RequestPhases::decode));
    common_wait(request.phase(&RequestPhases::stalled));
    if (request.is_undisturbed()) [[likely]] {
      text("0,0,0,0,");
    } else {
      rare_wait(request.phase(&RequestPhases::preempted));
      rare_wait(request.phase(&RequestPhases::recomputed));
      rare_wait(request.phase(&RequestPhases::swapped));
      rare_wait(request.phase(&RequestPhases::held));
    }
  }

 private:
  [[gnu::always_inline]] void common_wait(std::uint64_t picoseconds) {
    if (picoseconds == 0) [[unlikely]] {
      text("0,");
    } else {
      latency(picoseconds);
    }
  }
  [[gnu::always_inline]] void rare_wait(std::uint64_t picoseconds) {
    if (picoseconds == 0) [[likely]] {
      text("0,");
    } else {
      latency(picoseconds);
    }
  }

  digits::RecentSeconds& recent_;
  // Of the instant before, at first none; and their text.
  std::uint64_t seconds_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t letters_ = 0;
  std::uint64_t length_ = 0;
};

}  // namespace tessera
