#include "sim/metrics/request_rows.hpp"

#include <algorithm>
#include <limits>

#include "sim/metrics/row_text.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

constexpr std::string_view request_columns =
    "request_id,engine,arrival_s,scheduled_s,first_token_s,finished_s,prompt_tokens,output_tokens,"
    "cached_tokens,ttft_ms,tpot_ms,e2el_ms,num_preemptions,kv_peak_written_bytes,"
    "kv_peak_reserved_bytes,kv_wasted_byte_s,status,reason";

// With where the time went at the end.
std::string all_request_columns() {
  std::string columns(request_columns);
  for (const PhaseColumn& column : phase_columns) {
    columns += ',';
    columns += column.name;
  }
  return columns;
}

constexpr std::string_view kv_columns = "request_id,engine,time_s,written_bytes,reserved_bytes";

// What a row holds of any request, as UsualRequest says it of a usual one.
struct AnyRequest {
  [[nodiscard]] SimTime arrival() const { return record.request.arrival; }
  [[nodiscard]] std::optional<SimTime> scheduled() const { return record.scheduled; }
  [[nodiscard]] std::optional<SimTime> first_token() const { return record.first_token; }
  [[nodiscard]] std::optional<Duration> ttft() const { return latencies.ttft; }
  [[nodiscard]] std::optional<Duration> tpot() const { return latencies.tpot; }
  [[nodiscard]] std::optional<Duration> e2el() const { return latencies.e2el; }

  const RequestRecord& record;
  const RequestLatencies& latencies;
};

class AnyRow : public RowText {
 public:
  using RowText::RowText;

  // A request that was turned away, or that the run's end cut off, has not finished.
  void finished(const RequestRecord& record) {
    if (record.status == RequestStatus::rejected || record.status == RequestStatus::unfinished) {
      empty();
    } else {
      instant(record.ended);
    }
  }
  void outcome(const RequestRecord& record) {
    word(name_of(record.status));
    word(name_of(record.reason));
  }
  void phases(const AnyRequest& request) {
    for (const PhaseColumn& column : phase_columns) {
      if (request.record.status == RequestStatus::rejected) {
        empty();
      } else {
        latency(request.record.phases.*column.part);
      }
    }
  }
};

// The same cells of a usual request in fewer instructions.
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
  // Bytes times seconds are more than 63 bits hold where a model is large.
  [[gnu::always_inline]] void seconds(Duration product) {
    const auto low = static_cast<std::int64_t>(product.picoseconds());
    if (static_cast<std::uint64_t>(product.picoseconds() >> 64) == 0 && low >= 0) [[likely]] {
      narrow_seconds(digits::now(static_cast<std::uint64_t>(low)));
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
  row.latency(request.tpot());
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

}  // namespace

RequestRows::RequestRows(const std::filesystem::path& folder)
    : file_(folder / "requests.csv", all_request_columns()) {}

void RequestRows::add(const RequestRecord& record, const RequestLatencies& latencies) {
  begin_row(record);
  AnyRow row(file_);
  write_request(row, AnyRequest{record, latencies}, record);
}

void RequestRows::add(UsualRequest request) {
  begin_row(request.record());
  UsualRow row(file_, recent_);
  write_request(row, request, request.record());
}

inline void RequestRows::begin_row(const RequestRecord& record) {
  if (ended_ < record.ended) [[likely]] {
    if (!before_last_.empty()) {
      sort_waiting();
    }
    file_.flush_if_full();
    ended_ = record.ended;
  } else {
    TESSERA_INVARIANT(ended_ == record.ended, "requests end in order of time");
    before_last_.push_back(last_);
  }
  last_ = {record.request.id, file_.size()};
}

void RequestRows::close() {
  sort_waiting();
  file_.close();
}

void RequestRows::sort_waiting() {
  std::vector<Waiting>& rows = before_last_;
  rows.push_back(last_);
  const auto by_id = [](const Waiting& a, const Waiting& b) { return a.id < b.id; };
  if (!std::is_sorted(rows.begin(), rows.end(), by_id)) {
    const std::size_t begin = rows.front().begin;
    const std::string text(file_.begin() + begin, file_.size() - begin);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::size_t end = i + 1 < rows.size() ? rows[i + 1].begin : file_.size();
      rows[i].length = end - rows[i].begin;
    }
    std::sort(rows.begin(), rows.end(), by_id);
    char* out = file_.begin() + begin;
    for (const Waiting& row : rows) {
      out = std::copy_n(text.data() + (row.begin - begin), row.length, out);
    }
  }
  rows.clear();
}

RequestKvRows::RequestKvRows(const std::filesystem::path& folder)
    : file_(folder / "request_kv.csv", kv_columns) {}

void RequestKvRows::add(const RequestKvRecord& record) {
  RowText row(file_);
  row.count(number_of(record.request));
  row.count(number_of(record.engine));
  row.instant(record.time);
  row.count(record.written.count());
  row.count(record.reserved.count());
  row.end();
  file_.flush_if_full();
}

}  // namespace tessera
