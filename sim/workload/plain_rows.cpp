#include "sim/workload/plain_rows.hpp"

#include <algorithm>
#include <cstring>

#include "sim/workload/number_text.hpp"

namespace tessera {
namespace {

// To the next comma or the end. A quoted field may hold commas: that is not for here.
bool take_other(PlainText& text) {
  const std::string_view rest = text.rest();
  if (rest.starts_with('"')) {
    return false;
  }
  text.skip(std::min(rest.find(','), rest.size()));
  return true;
}

}  // namespace

bool NeighbouringTimes::take(PlainText& text, Duration& time) {
  const PlainText start = text;
  if (take_in_same_minute(text, time)) {
    return true;
  }
  text = start;
  return take_in_other_minute(text, time);
}

bool NeighbouringTimes::take_in_same_minute(PlainText& text, Duration& time) const {
  if (!has_minute_ || std::memcmp(text.at(), minute_.data(), minute_.size()) != 0) {
    return false;
  }
  text.skip(minute_.size());
  const bool has_two_digits = *text.at() <= '5' && short_digit_run(text.at()).length == 2;
  Duration seconds;
  if (!has_two_digits || !text.take_time<12>(seconds) || !text.rest().starts_with(zone_)) {
    return false;
  }
  text.skip(zone_.size());
  time = start_of_minute_ + seconds;
  return text.at_end() || *text.at() == ',';
}

bool NeighbouringTimes::take_in_other_minute(PlainText& text, Duration& time) {
  const std::string_view field = text.rest().substr(0, text.rest().find(','));
  const std::optional<Duration> whole = parse_date_time(field);
  if (!whole) {
    return false;
  }
  const std::string_view minute = field.substr(0, minute_.size());
  const std::size_t zone =
      std::min(field.find_first_not_of("0123456789.", minute.size()), field.size());
  std::copy(minute.begin(), minute.end(), minute_.begin());
  has_minute_ = true;
  zone_ = field.substr(zone);
  start_of_minute_ = parse_date_time(std::string(minute) + "00" + zone_).value();
  time = *whole;
  text.skip(field.size());
  return true;
}

bool PlainRows::take_field(PlainText& text, TraceField field, TraceRow& row) {
  switch (field) {
    case TraceField::seconds:
      return text.take_time<12>(row.arrival);
    case TraceField::date_time:
      return times_.take(text, row.arrival);
    case TraceField::prompt:
      return text.take_tokens(row.prompt);
    case TraceField::output:
      return text.take_tokens(row.output);
    case TraceField::other:
      return take_other(text);
  }
  return false;
}

bool PlainRows::read(std::string_view line, TraceRow& row) {
  PlainText text(line);
  const TraceField* field = columns_.data();
  const TraceField* const end = field + columns_.size();
  while (take_field(text, *field, row)) {
    if (++field == end) {
      return text.at_end();
    }
    if (!text.take(',')) {
      return false;
    }
  }
  return false;
}

}  // namespace tessera
