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
  void phases(const RequestRecord& record) {
    for (const PhaseColumn& column : phase_columns) {
      if (record.status == RequestStatus::rejected) {
        empty();
      } else {
        latency(record.phases.*column.part);
      }
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
  void instant(SimTime time) { narrow_instant(recent_, narrow(time.since_start())); }
  void instant(const std::optional<SimTime>& time) { instant(*time); }
  void finished(const RequestRecord& record) { instant(record.ended); }
  void latency(Duration length) { narrow_latency(narrow(length)); }
  void latency(const std::optional<Duration>& length) {
    if (length) {
      latency(*length);
    } else {
      empty();
    }
  }
  void seconds(Duration duration) { narrow_seconds(narrow(duration)); }
  void outcome(const RequestRecord& /*record*/) { text("finished,,"); }
  void phases(const RequestRecord& record) {
    const RequestPhases& parts = record.phases;
    latencies(parts, std::make_index_sequence<num_undisturbed>());
    if ((narrow(parts.preempted) | narrow(parts.recomputed) | narrow(parts.swapped) |
         narrow(parts.held)) == 0) {
      text("0,0,0,0,");
    } else {
      latencies<num_undisturbed>(parts, std::make_index_sequence<4>());
    }
  }

 private:
  // The phases of a request that nobody disturbs come first.
  static constexpr std::size_t num_undisturbed = 5;
  static_assert(phase_columns[num_undisturbed].part == &RequestPhases::preempted &&
                phase_columns.size() == num_undisturbed + 4);

  static std::uint64_t narrow(Duration duration) {
    return static_cast<std::uint64_t>(duration.picoseconds());
  }
  template <std::size_t first = 0, std::size_t... column>
  void latencies(const RequestPhases& parts, std::index_sequence<column...> /*columns*/) {
    (latency(parts.*phase_columns[first + column].part), ...);
  }

  digits::RecentSeconds& recent_;
};

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
  row.phases(record);
  row.end();
}

}  // namespace

RequestRows::RequestRows(const std::filesystem::path& folder)
    : file_(folder / "requests.csv", all_request_columns()) {}

void RequestRows::add(const RequestRecord& record, const RequestLatencies& latencies) {
  if (record.ended == ended_) {
    before_last_.push_back(last_);
  } else {
    TESSERA_INVARIANT(ended_ < record.ended, "requests end in order of time");
    if (!before_last_.empty()) {
      sort_waiting();
    }
    file_.flush_if_full();
    ended_ = record.ended;
  }
  last_ = {record.request.id, file_.size()};
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
