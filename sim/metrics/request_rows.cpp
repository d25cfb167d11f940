#include "sim/metrics/request_rows.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"

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

void append_instant(std::string& row, const std::optional<SimTime>& time) {
  if (time) {
    append_seconds(row, time->since_start());
  }
  row += ',';
}

void append_latency(std::string& row, const std::optional<Duration>& latency) {
  if (latency) {
    append_milliseconds(row, *latency);
  }
  row += ',';
}

void append_count(std::string& row, std::int64_t count) {
  append_integer(row, count);
  row += ',';
}

// A request that was turned away, or that the run's end cut off, has not finished.
std::optional<SimTime> finished(const RequestRecord& record) {
  const bool never =
      record.status == RequestStatus::rejected || record.status == RequestStatus::unfinished;
  return never ? std::nullopt : std::optional(record.ended);
}

void append_row(std::string& row, const RequestRecord& record) {
  append_count(row, number_of(record.request.id));
  append_count(row, number_of(record.engine));
  append_instant(row, record.request.arrival);
  append_instant(row, record.scheduled);
  append_instant(row, record.first_token);
  append_instant(row, finished(record));
  append_count(row, record.request.prompt.count());
  append_count(row, record.output.count());
  append_count(row, record.cached.count());
  append_latency(row, record.ttft());
  append_latency(row, record.tpot());
  append_latency(row, record.e2el());
  append_count(row, record.num_preemptions);
  append_count(row, record.kv_peak_written.count());
  append_count(row, record.kv_peak_reserved.count());
  // Byte-seconds from byte-picoseconds: the same shift of the decimal point as a time's.
  append_seconds(row, Duration::picoseconds(record.kv_wasted_byte_picoseconds));
  row += ',';
  row += name_of(record.status);
  row += ',';
  row += name_of(record.reason);
  for (const PhaseColumn& column : phase_columns) {
    row += ',';
    if (record.status != RequestStatus::rejected) {
      append_milliseconds(row, record.phases.*column.part);
    }
  }
}

}  // namespace

RequestRows::RequestRows(const std::filesystem::path& folder)
    : file_(folder / "requests.csv", all_request_columns()) {}

void RequestRows::add(const RequestRecord& record) {
  if (!waiting_.empty() && waiting_.front().ended != record.ended) {
    TESSERA_INVARIANT(waiting_.front().ended < record.ended, "requests end in order of time");
    write_waiting();
  }
  waiting_.push_back(record);
}

void RequestRows::close() {
  write_waiting();
  file_.close();
}

void RequestRows::write_waiting() {
  std::sort(waiting_.begin(), waiting_.end(), [](const RequestRecord& a, const RequestRecord& b) {
    return a.request.id < b.request.id;
  });
  for (const RequestRecord& record : waiting_) {
    append_row(file_.row(), record);
    file_.row_done();
  }
  waiting_.clear();
}

RequestKvRows::RequestKvRows(const std::filesystem::path& folder)
    : file_(folder / "request_kv.csv", kv_columns) {}

void RequestKvRows::add(const RequestKvRecord& record) {
  std::string& row = file_.row();
  append_count(row, number_of(record.request));
  append_count(row, number_of(record.engine));
  append_instant(row, record.time);
  append_count(row, record.written.count());
  append_integer(row, record.reserved.count());
  file_.row_done();
}

}  // namespace tessera
