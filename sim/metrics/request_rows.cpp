#include "sim/metrics/request_rows.hpp"

#include <algorithm>

#include "sim/metrics/row_text.hpp"

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
  void tpot(const AnyRequest& request) { latency(request.latencies.tpot); }
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

}  // namespace

RequestRows::RequestRows(const std::filesystem::path& folder)
    : file_(folder / "requests.csv", all_request_columns()) {}

void RequestRows::add(const RequestRecord& record, const RequestLatencies& latencies) {
  begin_row(record);
  AnyRow row(file_);
  write_request(row, AnyRequest{record, latencies}, record);
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
