#include "sim/workload/trace.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "sim/workload/csv_table.hpp"
#include "sim/workload/line_reader.hpp"
#include "sim/workload/mooncake_line.hpp"
#include "sim/workload/number_text.hpp"
#include "sim/workload/plain_mooncake_line.hpp"
#include "sim/workload/plain_rows.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// How a CSV trace names its time, its prompt length and its output length.
struct CsvFormat {
  TraceFormat format;
  std::array<std::string_view, 3> columns;
  TraceField arrival;
  std::optional<Duration> (*parse_arrival)(std::string_view);
  std::string_view arrival_form;
};

constexpr std::array<CsvFormat, 3> csv_formats{{
    {TraceFormat::vidur,
     {"arrived_at", "num_prefill_tokens", "num_decode_tokens"},
     TraceField::seconds,
     parse_seconds,
     "seconds from 0 on, such as 12.5"},
    {TraceFormat::azure,
     {"TIMESTAMP", "ContextTokens", "GeneratedTokens"},
     TraceField::date_time,
     parse_date_time,
     "a time such as 2023-11-16 18:15:46.6805900"},
    {TraceFormat::burstgpt,
     {"Timestamp", "Request tokens", "Response tokens"},
     TraceField::seconds,
     parse_seconds,
     "seconds from 0 on, such as 12.5"},
}};

constexpr std::string_view tokens_form = "a whole number of tokens, 0 to 1000000000";
constexpr std::string_view limit_column = "max_tokens";
constexpr std::string_view limit_form = "a whole number of tokens, 1 to 1000000000, or nothing";

std::string joined(const CsvFormat& format) {
  std::string text;
  for (const std::string_view column : format.columns) {
    text += (text.empty() ? "" : ", ") + std::string(column);
  }
  return text;
}

std::string known_formats() {
  std::string text = "known traces are ";
  for (const CsvFormat& format : csv_formats) {
    text += std::string(name_of(format.format)) + " (" + joined(format) + "), ";
  }
  return text + "mooncake (JSON lines with timestamp, input_length, output_length)";
}

// What has been read, until it is a trace.
class TraceBuilder {
 public:
  TraceBuilder(const TraceArrivals& spec, const LineReader& lines) : spec_(spec), lines_(lines) {}

  // A row whose pieces are the open list of pieces().
  void add(TraceRow row, const TraceAttributes& attributes) {
    if (is_kept(row)) {
      row.attributes_at = place_of(attributes);
      keep(row);
    }
  }
  // One without attributes.
  void add(const TraceRow& row) {
    if (is_kept(row)) {
      keep(row);
    }
  }
  [[nodiscard]] ContentLists& pieces() { return trace_.pieces; }

  Trace finish(const Place& last_line, Diagnostics& notes) {
    check_that_some_are_left(last_line);
    add_notes(notes);
    if (trace_.reordered > 0) {
      std::stable_sort(trace_.rows.begin(), trace_.rows.end(),
                       [](const TraceRow& a, const TraceRow& b) { return a.arrival < b.arrival; });
    }
    if (spec_.limit && static_cast<std::size_t>(*spec_.limit) < trace_.rows.size()) {
      trace_.rows.resize(static_cast<std::size_t>(*spec_.limit));
    }
    rescale();
    return std::move(trace_);
  }

 private:
  bool is_kept(const TraceRow& row) { return num_rows_++ >= spec_.skip && !is_left_out(row); }

  void keep(const TraceRow& row) {
    if (!trace_.rows.empty() && row.arrival < trace_.rows.back().arrival) {
      ++trace_.reordered;
    }
    if (trace_.rows.size() == trace_.rows.capacity()) {
      make_room();
    }
    trace_.rows.push_back(row);
    if (!trace_.pieces.open().empty()) {
      trace_.rows.back().pieces_at = trace_.pieces.close();
    }
  }

  // For all that the text seems to hold, so that rows are hardly ever moved and no memory is
  // touched in vain; but for no more than a thousand times what it did hold. Rare, and so apart.
  [[gnu::noinline]] void make_room() {
    constexpr std::size_t sample = 1'000;
    const std::size_t rows = trace_.rows.size();
    const std::size_t left = rows < sample ? 0 : lines_.characters_left();
    const auto expected = [&](std::size_t size) {
      const std::size_t length = std::max<std::size_t>(lines_.characters_passed() / size, 1);
      return size + std::min(left / length, sample * size);
    };
    trace_.rows.reserve(std::max(rows + rows / 2, rows < sample ? sample : expected(rows)));
    trace_.pieces.reserve(expected(trace_.pieces.size()));
  }

  // Rows that say the same often follow each other.
  std::uint32_t place_of(const TraceAttributes& attributes) {
    if (attributes == TraceAttributes{}) {
      return 0;
    }
    if (!(trace_.attributes.back() == attributes)) {
      trace_.attributes.push_back(attributes);
    }
    return static_cast<std::uint32_t>(trace_.attributes.size() - 1);
  }

  bool is_left_out(const TraceRow& row) {
    const Tokens prompt{row.prompt};
    const Tokens output{row.output};
    const bool is_empty = row.prompt == 0 || row.output == 0;
    if (is_empty) {
      ++(row.prompt == 0 ? num_without_prompt_ : num_without_output_);
    }
    const bool left_out = is_empty || (spec_.min_prompt && prompt < *spec_.min_prompt) ||
                          (spec_.max_prompt && prompt > *spec_.max_prompt) ||
                          (spec_.max_output && output > *spec_.max_output) ||
                          (spec_.max_total && prompt + output > *spec_.max_total);
    trace_.filtered += left_out ? 1 : 0;
    return left_out;
  }

  void check_that_some_are_left(const Place& last_line) const {
    if (num_rows_ == 0) {
      throw BadInput(last_line, "the trace has a header, but no rows");
    }
    if (trace_.rows.empty()) {
      throw BadInput(Place{lines_.file()},
                     "no request is left: of " + std::to_string(num_rows_) + " rows " +
                         std::to_string(std::min(num_rows_, spec_.skip)) + " were skipped and " +
                         std::to_string(trace_.filtered) + " left out");
    }
  }

  void add_notes(Diagnostics& notes) const {
    const auto note = [&](std::int64_t count, const std::string& what) {
      if (count > 0) {
        notes.push_back({Severity::note, Place{lines_.file()}, std::to_string(count) + what});
      }
    };
    const auto rows = [](std::int64_t count) { return count == 1 ? " row" : " rows"; };
    note(num_without_prompt_,
         rows(num_without_prompt_) + std::string(" with no prompt tokens left out"));
    note(num_without_output_,
         rows(num_without_output_) + std::string(" with no response tokens left out"));
    note(trace_.reordered, " of " + std::to_string(trace_.rows.size()) + " rows " +
                               (trace_.reordered == 1 ? "arrives before the row above it"
                                                      : "arrive before the row above them") +
                               "; sorted by time");
  }

  // The scale is taken to twelve decimals, so that a written 0.05 stretches gaps by exactly 20.
  // Instants, not gaps, are rounded (to the nearest picosecond): errors do not add up.
  void rescale() {
    constexpr Int128 unit = 1'000'000'000'000;
    const auto scale = static_cast<Int128>(std::nearbyint(spec_.rate_scale * 1e12));
    TESSERA_INVARIANT(scale > 0, "a trace's rate scale is positive");
    const Duration first = trace_.rows.front().arrival;
    for (TraceRow& row : trace_.rows) {
      row.arrival = row.arrival - first;
      if (scale != unit) {
        const Int128 since_first = row.arrival.picoseconds();
        row.arrival = Duration::picoseconds((since_first * unit + scale / 2) / scale);
      }
    }
  }

  const TraceArrivals& spec_;
  const LineReader& lines_;
  Trace trace_;
  std::int64_t num_rows_ = 0;
  std::int64_t num_without_prompt_ = 0;
  std::int64_t num_without_output_ = 0;
};

[[noreturn]] void refuse_field(const Place& place, std::string_view column, std::string_view form,
                               std::string_view text) {
  throw BadInput(place, "column '" + std::string(column) + "' must be " + std::string(form) +
                            ", not " + excerpt(text));
}

using AttributePlaces = std::array<std::optional<std::size_t>, num_attribute_columns>;

AttributePlaces attribute_places(const CsvTable& table) {
  AttributePlaces places;
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[i] = table.find(attribute_columns()[i].name);
  }
  return places;
}

TraceAttributes read_attributes(std::span<const std::string_view> fields,
                                const AttributePlaces& places, const LineReader& lines) {
  TraceAttributes attributes;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::string_view text = places[i] ? fields[*places[i]] : std::string_view{};
    const AttributeColumn& column = attribute_columns()[i];
    if (!text.empty() && !column.read(text, attributes)) {
      refuse_field(lines.place(), column.name, column.form, text);
    }
  }
  return attributes;
}

// The output's limit in a field of limit_column; 0 where the field is empty.
std::uint32_t read_limit(std::string_view text, const LineReader& lines) {
  if (text.empty()) {
    return 0;
  }
  const std::optional<std::uint32_t> limit = parse_tokens(text);
  if (!limit || *limit == 0) {
    refuse_field(lines.place(), limit_column, limit_form, text);
  }
  return *limit;
}

// The rows of a CSV trace that are not plain, or say more than times and lengths.
class CsvRows {
 public:
  CsvRows(const LineReader& lines, CsvTable& table, const CsvFormat& format)
      : lines_(lines), table_(table), format_(format), others_(attribute_places(table)) {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      places_[i] = table.find(format.columns[i]).value();
    }
    limit_place_ = table.find(limit_column);
  }

  // Whether rows have nothing but an arrival and lengths.
  [[nodiscard]] bool are_bare() const { return !limit_place_ && others_ == AttributePlaces{}; }

  [[nodiscard]] std::vector<TraceField> columns() const {
    std::vector<TraceField> columns(table_.columns().size(), TraceField::other);
    columns[places_[0]] = format_.arrival;
    columns[places_[1]] = TraceField::prompt;
    columns[places_[2]] = TraceField::output;
    return columns;
  }

  void read(std::string_view line, TraceBuilder& builder) const {
    const std::span<const std::string_view> fields = table_.fields_of(line);
    const std::string_view arrival_text = fields[places_[0]];
    const std::optional<Duration> arrival = format_.parse_arrival(arrival_text);
    if (!arrival) {
      refuse_field(lines_.place(), format_.columns[0], format_.arrival_form, arrival_text);
    }
    const std::uint32_t prompt = tokens(fields, 1);
    const std::uint32_t output = tokens(fields, 2);
    const std::uint32_t limit = limit_place_ ? read_limit(fields[*limit_place_], lines_) : 0;
    builder.add({*arrival, prompt, output, limit}, read_attributes(fields, others_, lines_));
  }

 private:
  [[nodiscard]] std::uint32_t tokens(std::span<const std::string_view> fields,
                                     std::size_t column) const {
    const std::string_view text = fields[places_[column]];
    const std::optional<std::uint32_t> number = parse_tokens(text);
    if (!number) {
      refuse_field(lines_.place(), format_.columns[column], tokens_form, text);
    }
    return *number;
  }

  const LineReader& lines_;
  CsvTable& table_;
  const CsvFormat& format_;
  std::array<std::size_t, 3> places_{};
  AttributePlaces others_;
  std::optional<std::size_t> limit_place_;
};

void read_csv(LineReader& lines, CsvTable& table, const CsvFormat& format, TraceBuilder& builder) {
  const CsvRows rows(lines, table, format);
  const bool bare = rows.are_bare();
  PlainRows plain_rows(rows.columns());
  TraceRow row;
  while (const std::optional<std::string_view> line = lines.next_filled()) {
    if (bare && plain_rows.read(*line, row)) {
      builder.add(row);
    } else {
      rows.read(*line, builder);
    }
  }
}

void read_mooncake(LineReader& lines, std::string_view first_line, TraceBuilder& builder) {
  std::vector<std::uint64_t> hash_ids;
  std::optional<std::string_view> line = first_line;
  while (line) {
    const MooncakeRow row = parse_mooncake_line(*line, lines.place(), hash_ids);
    builder.pieces().clear();
    for (const std::uint64_t id : hash_ids) {
      builder.pieces().push_back(id);
    }
    builder.add({row.arrival, row.prompt, row.output, row.max_output}, row.attributes);
    TraceRow plain;
    while (const char* const next =
               read_plain_mooncake_row(lines.ahead(), plain, builder.pieces())) {
      lines.pass_line(next);
      builder.add(plain);
    }
    line = lines.next_filled();
  }
}

bool has_columns_of(const CsvTable& table, const CsvFormat& format) {
  return std::all_of(format.columns.begin(), format.columns.end(),
                     [&](std::string_view column) { return table.find(column).has_value(); });
}

// The format whose columns the header has. Throws BadInput where it has not those of the format
// that was asked for.
const CsvFormat& choose_format(const CsvTable& table, TraceFormat asked, const Place& header) {
  for (const CsvFormat& format : csv_formats) {
    if (asked == TraceFormat::automatic ? has_columns_of(table, format) : format.format == asked) {
      for (const std::string_view column : format.columns) {
        if (!table.find(column)) {
          throw BadInput(header, "column '" + std::string(column) + "' is missing; " +
                                     std::string(name_of(asked)) + " needs " + joined(format));
        }
      }
      return format;
    }
  }
  std::string shown;
  for (const std::string& column : table.columns()) {
    shown += (shown.empty() ? "" : ",") + column;
  }
  throw BadInput(header,
                 "this is not a trace's header: " + excerpt(shown) + "; " + known_formats());
}

}  // namespace

Trace read_trace(std::streambuf& text, const std::string& file, const TraceArrivals& spec,
                 Diagnostics& notes) {
  LineReader lines(text, file);
  const std::optional<std::string_view> first_line = lines.next_filled();
  if (!first_line) {
    throw BadInput(Place{file, 1, 0}, "the trace is empty; " + known_formats());
  }
  TraceBuilder builder(spec, lines);
  const bool looks_like_json = first_line->find_first_not_of(" \t") == first_line->find('{');
  if (spec.format == TraceFormat::mooncake ||
      (spec.format == TraceFormat::automatic && looks_like_json)) {
    read_mooncake(lines, *first_line, builder);
  } else {
    CsvTable table(lines, *first_line);
    read_csv(lines, table, choose_format(table, spec.format, lines.place()), builder);
  }
  return builder.finish(lines.place(), notes);
}

}  // namespace tessera
