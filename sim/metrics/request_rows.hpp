// requests.csv and request_kv.csv.
#pragma once

#include <filesystem>
#include <vector>

#include "sim/metrics/request_latencies.hpp"
#include "sim/metrics/request_row.hpp"
#include "sim/metrics/usual_request.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/decimal_digits.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

// A row a request, in order of ending, ties by id: rows of one instant wait in the file's buffer
// until the next, and are sorted there.
class RequestRows {
 public:
  explicit RequestRows(const std::filesystem::path& folder);
  // Precondition: requests come in order of ending.
  void add(const RequestRecord& record, const RequestLatencies& latencies);
  // Called from one place, for every request: in line, it saves the registers once.
  [[gnu::always_inline]] void add(UsualRequest request);
  void close();

 private:
  // A row in the buffer.
  struct Waiting {
    RequestId id{};
    std::size_t begin = 0;
    std::size_t length = 0;  // known when it is sorted
  };

  void begin_row(const RequestRecord& record);
  void sort_waiting();

  RowWriter file_;
  // The rows that wait, all but the last one in a list, that of most instants is empty; and when
  // their requests ended, at first an instant before all others.
  std::vector<Waiting> before_last_;
  Waiting last_;
  SimTime ended_ = SimTime::at(Duration::picoseconds(-1));
  digits::RecentSeconds recent_;
};

inline void RequestRows::add(UsualRequest request) {
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

// A row a change of what a sequence's KV holds.
class RequestKvRows {
 public:
  explicit RequestKvRows(const std::filesystem::path& folder);
  void add(const RequestKvRecord& record);
  void close() { file_.close(); }

 private:
  RowWriter file_;
};

}  // namespace tessera
