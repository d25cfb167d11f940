#include "sim/metrics/request_rows.hpp"

#include <algorithm>

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

// A request that was turned away, or that the run's end cut off, has not finished.
std::optional<SimTime> finished(const RequestRecord& record) {
  const bool never =
      record.status == RequestStatus::rejected || record.status == RequestStatus::unfinished;
  return never ? std::nullopt : std::optional(record.ended);
}

void write_request(RowText& row, const RequestRecord& record, const RequestLatencies& latencies) {
  row.count(number_of(record.request.id));
  row.count(number_of(record.engine));
  row.instant(record.request.arrival);
  row.instant(record.scheduled);
  row.instant(record.first_token);
  row.instant(finished(record));
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
  row.word(name_of(record.status));
  row.word(name_of(record.reason));
  for (const PhaseColumn& column : phase_columns) {
    if (record.status == RequestStatus::rejected) {
      row.empty();
    } else {
      row.latency(record.phases.*column.part);
    }
  }
}

}  // namespace

RequestRows::RequestRows(const std::filesystem::path& folder)
    : file_(folder / "requests.csv", all_request_columns()) {}

void RequestRows::add(const RequestRecord& record, const RequestLatencies& latencies) {
  if (record.ended != ended_) {
    TESSERA_INVARIANT(ended_ < record.ended, "requests end in order of time");
    sort_waiting();
    file_.flush_if_full();
    ended_ = record.ended;
  }
  waiting_.push_back({record.request.id, file_.size()});
  RowText row(file_);
  write_request(row, record, latencies);
  row.end();
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
  waiting_.clear();
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
