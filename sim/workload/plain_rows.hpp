// The rows of CSV traces as programs write them: digits between commas, nothing quoted and no
// blanks. Nearly all rows are; the others are for CsvTable, which is several times slower, takes
// whatever CSV may be, and says what is wrong.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sim/workload/plain_text.hpp"
#include "sim/workload/trace.hpp"

namespace tessera {

// Dates and times of day in order: a row mostly shares its minute and its time zone with the row
// above, and then only its seconds are read.
class NeighbouringTimes {
 public:
  // Takes a field that parse_date_time reads.
  bool take(PlainText& text, Duration& time);

 private:
  bool take_in_same_minute(PlainText& text, Duration& time) const;
  bool take_in_other_minute(PlainText& text, Duration& time);

  bool has_minute_ = false;
  std::array<char, 17> minute_{};  // "2023-11-16 18:15:"
  std::string zone_;               // "", "Z" or "+00:00"
  Duration start_of_minute_;
};

enum class TraceField { seconds, date_time, prompt, output, other };

class PlainRows {
 public:
  // What stands in each column.
  explicit PlainRows(std::vector<TraceField> columns) : columns_(std::move(columns)) {}

  // Reads the arrival and the lengths of a line of LineReader. False, with `row` in no defined
  // state, for one that is not plain: that says nothing about whether it is good.
  bool read(std::string_view line, TraceRow& row);

 private:
  bool take_field(PlainText& text, TraceField field, TraceRow& row);

  std::vector<TraceField> columns_;
  NeighbouringTimes times_;
};

}  // namespace tessera
