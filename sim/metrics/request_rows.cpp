#include "sim/metrics/request_rows.hpp"

#include <algorithm>

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

void write_request(RowText& row, const RequestRecord& record) {
  row.count(number_of(record.request.id));
  row.count(number_of(record.engine));
  row.instant(record.request.arrival);
  row.instant(record.scheduled);
  row.instant(record.first_token);
  row.instant(finished(record));
  row.count(record.request.prompt.count());
  row.count(record.output.count());
  row.count(record.cached.count());
  row.latency(record.ttft());
  row.latency(record.tpot());
  row.latency(record.e2el());
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

void RequestRows::add(const RequestRecord& record) {
  if (record.ended != ended_) {
    TESSERA_INVARIANT(ended_ < record.ended, "requests end in order of time");
    write_waiting();
    ended_ = record.ended;
  }
  write_request(row_, record);
  const std::string_view row = row_.last();
  waiting_.push_back({record.request.id, text_.size(), row.size()});
  text_ += row;
}

void RequestRows::close() {
  write_waiting();
  file_.close();
}

void RequestRows::write_waiting() {
  if (waiting_.size() > 1) {
    std::sort(waiting_.begin(), waiting_.end(),
              [](const Waiting& a, const Waiting& b) { return a.id < b.id; });
  }
  for (const Waiting& row : waiting_) {
    file_.add(std::string_view(text_).substr(row.begin, row.length));
  }
  waiting_.clear();
  text_.clear();
}

RequestKvRows::RequestKvRows(const std::filesystem::path& folder)
    : file_(folder / "request_kv.csv", kv_columns) {}

void RequestKvRows::add(const RequestKvRecord& record) {
  row_.count(number_of(record.request));
  row_.count(number_of(record.engine));
  row_.instant(record.time);
  row_.count(record.written.count());
  row_.count(record.reserved.count());
  file_.add(row_.last());
}

}  // namespace tessera
