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

// Of any request.
class AnyRow : public RowText {
 public:
  explicit AnyRow(RowWriter& file) : RowText(file) {}
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
  void phase(const RequestRecord& record, Duration part) {
    if (record.status == RequestStatus::rejected) {
      empty();
    } else {
      latency(part);
    }
  }
};

// The usual request has ended by itself, and 63 bits hold all of its times.
bool is_usual(const RequestRecord& record) {
  constexpr Int128 narrow = std::numeric_limits<std::int64_t>::max();
  if (record.status != RequestStatus::finished || record.reason != EndReason::none ||
      record.ended > SimTime::at(Duration::picoseconds(narrow)) ||
      record.kv_wasted_byte_picoseconds > narrow) {
    return false;
  }
  std::uint64_t above = 0;
  for (const PhaseColumn& column : phase_columns) {
    above |= static_cast<std::uint64_t>((record.phases.*column.part).picoseconds() >> 64);
  }
  return above == 0;
}

// The same cells in fewer instructions.
class UsualRow : public RowText {
 public:
  UsualRow(RowWriter& file, digits::RecentSeconds& recent) : RowText(file), recent_(recent) {}
  void instant(SimTime time) {
    narrow_instant(recent_, static_cast<std::uint64_t>(time.since_start().picoseconds()));
  }
  void instant(const std::optional<SimTime>& time) { instant(*time); }
  void finished(const RequestRecord& record) { instant(record.ended); }
  void latency(Duration length) {
    narrow_latency(static_cast<std::uint64_t>(length.picoseconds()));
  }
  void latency(const std::optional<Duration>& length) {
    if (length) {
      latency(*length);
    } else {
      empty();
    }
  }
  void seconds(Duration duration) {
    narrow_seconds(static_cast<std::uint64_t>(duration.picoseconds()));
  }
  void outcome(const RequestRecord& /*record*/) { text("finished,,"); }
  void phase(const RequestRecord& /*record*/, Duration part) { latency(part); }

 private:
  digits::RecentSeconds& recent_;
};

template <class Row, std::size_t... column>
void write_phases(Row& row, const RequestRecord& record, std::index_sequence<column...>) {
  (row.phase(record, record.phases.*phase_columns[column].part), ...);
}

// In a row that is made of `parts`.
template <class Row, class... Parts>
[[gnu::always_inline]] inline void write_request(const RequestRecord& record,
                                                 const RequestLatencies& latencies,
                                                 Parts&... parts) {
  Row row(parts...);
  row.count(number_of(record.request.id));
  row.count(number_of(record.engine));
  row.instant(record.request.arrival);
  row.instant(record.scheduled);
  row.instant(record.first_token);
  row.finished(record);
  row.count(record.request.prompt.count());
  row.count(record.output.count());
  row.count(record.cached.count());
  row.latency(latencies.ttft);
  row.latency(latencies.tpot);
  row.latency(latencies.e2el);
  row.count(record.num_preemptions);
  row.count(record.kv_peak_written.count());
  row.count(record.kv_peak_reserved.count());
  // Byte-seconds from byte-picoseconds: the same shift of the decimal point as a time's.
  row.seconds(Duration::picoseconds(record.kv_wasted_byte_picoseconds));
  row.outcome(record);
  write_phases(row, record, std::make_index_sequence<phase_columns.size()>());
  row.end();
}

}  // namespace

RequestRows::RequestRows(const std::filesystem::path& folder)
    : file_(folder / "requests.csv", all_request_columns()) {}

void RequestRows::add(const RequestRecord& record, const RequestLatencies& latencies) {
  if (record.ended != ended_) {
    TESSERA_INVARIANT(ended_ < record.ended, "requests end in order of time");
    if (waiting_.size() > 1) {
      sort_waiting();
    }
    waiting_.clear();
    file_.flush_if_full();
    ended_ = record.ended;
  }
  waiting_.push_back({record.request.id, file_.size()});
  if (is_usual(record)) {
    write_request<UsualRow>(record, latencies, file_, recent_);
  } else {
    write_request<AnyRow>(record, latencies, file_);
  }
}

void RequestRows::close() {
  sort_waiting();
  file_.close();
}

void RequestRows::sort_waiting() {
  const auto by_id = [](const Waiting& a, const Waiting& b) { return a.id < b.id; };
  if (!std::is_sorted(waiting_.begin(), waiting_.end(), by_id)) {
    const std::size_t begin = waiting_.front().begin;
    const std::string text(file_.begin() + begin, file_.size() - begin);
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      const std::size_t end = i + 1 < waiting_.size() ? waiting_[i + 1].begin : file_.size();
      waiting_[i].length = end - waiting_[i].begin;
    }
    std::sort(waiting_.begin(), waiting_.end(), by_id);
    char* out = file_.begin() + begin;
    for (const Waiting& row : waiting_) {
      out = std::copy_n(text.data() + (row.begin - begin), row.length, out);
    }
  }
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
