// requests.csv, cell by cell, against rows put together by other means.
#include "sim/metrics/request_rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tessera/core/decimal.hpp"
#include "tests/support/request_records.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

std::string seconds(Int128 picoseconds) {
  std::string text;
  append_seconds(text, Duration::picoseconds(picoseconds));
  return text;
}

std::string milliseconds(Duration duration) {
  std::string text;
  append_milliseconds(text, duration);
  return text;
}

std::string instant(const std::optional<SimTime>& time) {
  return time ? seconds(time->since_start().picoseconds()) : "";
}

std::string latency(const std::optional<Duration>& duration) {
  return duration ? milliseconds(*duration) : "";
}

std::string expected_row(const RequestRecord& record) {
  const bool is_rejected = record.status == RequestStatus::rejected;
  const bool has_end = !is_rejected && record.status != RequestStatus::unfinished;
  std::vector<std::string> cells{
      std::to_string(number_of(record.request.id)),
      std::to_string(number_of(record.engine)),
      instant(record.request.arrival),
      instant(record.scheduled),
      instant(record.first_token),
      has_end ? instant(record.ended) : "",
      std::to_string(record.request.prompt.count()),
      std::to_string(record.output.count()),
      std::to_string(record.cached.count()),
      latency(record.ttft()),
      latency(record.tpot()),
      latency(record.e2el()),
      std::to_string(record.num_preemptions),
      std::to_string(record.kv_peak_written.count()),
      std::to_string(record.kv_peak_reserved.count()),
      seconds(record.kv_wasted_byte_picoseconds),
      std::string(name_of(record.status)),
      std::string(name_of(record.reason)),
  };
  for (const PhaseColumn& column : phase_columns) {
    cells.push_back(is_rejected ? "" : milliseconds(record.phases.*column.part));
  }
  std::string row;
  for (const std::string& cell : cells) {
    row += (row.empty() ? "" : ",") + cell;
  }
  return row;
}

TEST(RequestRows, AreExactForUsualAndForUnusualRequests) {
  RequestRecords draws;
  std::vector<RequestRecord> records(10'000);
  std::generate(records.begin(), records.end(), [&] { return draws.next(); });
  std::stable_sort(records.begin(), records.end(),
                   [](const auto& a, const auto& b) { return a.ended < b.ended; });
  const TemporaryFolder folder;
  RequestRows rows(folder.path());
  std::size_t num_usual = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].request.id = RequestId{static_cast<std::int64_t>(i * i)};
    if (UsualRequest::is(records[i])) {
      rows.add(UsualRequest(records[i]));
      ++num_usual;
    } else {
      rows.add(records[i], RequestLatencies(records[i]));
    }
  }
  rows.close();
  EXPECT_GT(num_usual, records.size() / 8);
  EXPECT_GT(records.size() - num_usual, records.size() / 8);
  const std::vector<std::string> lines = lines_of(folder.path() / "requests.csv");
  ASSERT_EQ(lines.size(), records.size() + 1);
  for (std::size_t i = 0; i < records.size(); ++i) {
    ASSERT_EQ(lines[i + 1], expected_row(records[i]));
  }
}

TEST(RequestRows, OfOneInstantAreInOrderOfTheirIds) {
  const TemporaryFolder folder;
  RequestRows rows(folder.path());
  for (const std::int64_t id : {3, 1, 2, 0, 5, 4}) {
    RequestRecord record;
    record.request.id = RequestId{id};
    record.status = RequestStatus::cancelled;
    record.ended = SimTime::at(Duration::seconds(id < 4 ? 1 : 2));
    rows.add(record, RequestLatencies(record));
  }
  rows.close();
  const std::vector<std::string> lines = lines_of(folder.path() / "requests.csv");
  ASSERT_EQ(lines.size(), 7U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(cells_of(lines[i + 1]).front(), std::to_string(i));
  }
}

}  // namespace
}  // namespace tessera
