// Plain rows are read by whole words and without asking twice. Whatever they take, the strict
// readers take too, and find the same in it; and a file read so is the file that a naive reader
// finds, wherever the pieces that it comes in end.
#include <gtest/gtest.h>

#include <optional>
#include <sstream>

#include "sim/workload/csv_table.hpp"
#include "sim/workload/mooncake_line.hpp"
#include "sim/workload/number_text.hpp"
#include "sim/workload/plain_mooncake_line.hpp"
#include "sim/workload/plain_rows.hpp"
#include "sim/workload/uniform.hpp"
#include "tests/unit/workload_builders.hpp"

namespace tessera {
namespace {

using workload_test::shown;
using workload_test::trace_of;

// A line as LineReader gives it, with an end of line or a zero behind and something else after it.
class LineOfReader {
 public:
  explicit LineOfReader(const std::string& line, char end = '\0')
      : text_(line + end + std::string(readable_behind, '7')), length_(line.size()) {}
  [[nodiscard]] std::string_view line() const { return std::string_view(text_).substr(0, length_); }

 private:
  std::string text_;
  std::size_t length_;
};

std::size_t below(RandomStream& random, std::size_t number) {
  return static_cast<std::size_t>(draw_between(random, 0, static_cast<std::int64_t>(number) - 1));
}

// One to three characters changed, doubled, dropped or put in.
std::string changed(std::string line, RandomStream& random) {
  const std::string alphabet =
      "00112233445566778899.,,,::\"\"{}[]eE+- \tTZ\r\\x\xFF/;" + std::string(1, '\0');
  for (std::size_t i = 0, changes = 1 + below(random, 3); i < changes && !line.empty(); ++i) {
    const std::size_t at = below(random, line.size());
    const char c = alphabet[below(random, alphabet.size())];
    switch (below(random, 4)) {
      case 0:
        line[at] = c;
        break;
      case 1:
        line.insert(at, 1 + below(random, 9), c);
        break;
      case 2:
        line.erase(at, 1 + below(random, 4));
        break;
      default:
        line.insert(below(random, line.size()), line.substr(at, 1 + below(random, 20)));
    }
  }
  return line;
}

TEST(DigitRun, IsWhatCountingFromTheFrontGives) {
  RandomStream random(1, "digits");
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (std::size_t i = 0, digits = below(random, 20); i < digits; ++i) {
      text += static_cast<char>('0' + below(random, 10));
    }
    text += static_cast<char>(below(random, 256));
    while (text.size() < 40) {
      text += static_cast<char>(below(random, 256));
    }
    std::uint64_t value = 0;
    std::size_t length = 0;
    while (length < 16 && text[length] >= '0' && text[length] <= '9') {
      value = value * 10 + static_cast<std::uint64_t>(text[length++] - '0');
    }
    const DigitRun run = digit_run(text.data());
    ASSERT_EQ(run.length, length) << text;
    ASSERT_EQ(run.value, value) << text;
    ASSERT_EQ(short_digit_run(text.data()).length, std::min<std::size_t>(length, 8)) << text;
  }
}

// What the strict readers make of one row under a header of three or of five columns.
std::optional<TraceRow> strict_row(const std::string& line, TraceField time, bool among_others) {
  std::stringbuf header(among_others ? "a,t,b,p,o\n" : "t,p,o\n");
  LineReader lines(header, "t.csv");
  CsvTable table(lines, lines.next().value());
  try {
    const auto fields = table.fields_of(line);
    const std::size_t at = among_others ? 1 : 0;
    const auto arrival =
        time == TraceField::seconds ? parse_seconds(fields[at]) : parse_date_time(fields[at]);
    const auto prompt = parse_tokens(fields[among_others ? 3 : 1]);
    const auto output = parse_tokens(fields[among_others ? 4 : 2]);
    if (!arrival || !prompt || !output) {
      return std::nullopt;
    }
    return TraceRow{*arrival, *prompt, *output};
  } catch (const BadInput&) {
    return std::nullopt;
  }
}

struct CsvLine {
  TraceField time;
  bool among_others;
  std::string line;
};
const std::vector<CsvLine> csv_lines{
    {TraceField::seconds, false, "0,1,1"},
    {TraceField::seconds, false, "1234567.12345678,99999999,12"},
    {TraceField::seconds, false, "123456789012.123456789012,7,12345678"},
    {TraceField::seconds, true, "x y,5.000000000001,,007,0"},
    {TraceField::date_time, false, "2023-11-16 18:15:46.6805900,374,44"},
    {TraceField::date_time, false, "2024-02-29T23:59:59,374,44"},
    {TraceField::date_time, false, "2024-05-10 00:00:00.009930+00:00,2162,5"},
    {TraceField::date_time, true, "GPT-4,2024-05-10 00:00:07.009930Z,\xFF,2162,5"},
};

TEST(PlainRow, ThatIsTakenIsWhatTheStrictReaderFinds) {
  RandomStream random(2, "rows");
  // Each remembers its last minute, as in a file.
  std::vector<PlainRows> readers;
  for (const CsvLine& form : csv_lines) {
    const TraceField other = TraceField::other;
    readers.emplace_back(
        form.among_others
            ? std::vector{other, form.time, other, TraceField::prompt, TraceField::output}
            : std::vector{form.time, TraceField::prompt, TraceField::output});
  }
  std::int64_t taken = 0;  // of those that were changed
  for (int round = 0; round < 200'000; ++round) {
    const std::size_t at = static_cast<std::size_t>(round) % csv_lines.size();
    const CsvLine& form = csv_lines[at];
    const bool is_whole = below(random, 4) == 0;
    const std::string text = is_whole ? form.line : changed(form.line, random);
    const LineOfReader line(text, "\n\r"[round % 3 == 0 ? 0 : 1]);
    TraceRow row;
    if (!readers[at].read(line.line(), row)) {
      ASSERT_FALSE(is_whole) << text;
      continue;
    }
    taken += is_whole ? 0 : 1;
    const std::optional<TraceRow> strict = strict_row(text, form.time, form.among_others);
    ASSERT_TRUE(strict) << text;
    ASSERT_EQ(row.arrival, strict->arrival) << text;
    ASSERT_EQ(row.prompt, strict->prompt) << text;
    ASSERT_EQ(row.output, strict->output) << text;
  }
  EXPECT_GT(taken, 10'000);
}

// A minute that nothing was read in yet has no start to count from.
TEST(PlainRow, OfZeroesIsNoTime) {
  PlainRows rows({TraceField::date_time, TraceField::prompt, TraceField::output});
  for (const char c : {'\0', '\n', '-', '0'}) {
    TraceRow row;
    const LineOfReader line(std::string(17, c) + "12,3,4");
    EXPECT_FALSE(rows.read(line.line(), row));
  }
}

// Rows as they were published and as others write them: with lists of any length, whose ids are of
// one digit up to more than are plain.
std::string mooncake_row(RandomStream& random) {
  const std::string blank = below(random, 4) == 0 ? "" : " ";
  const std::size_t longest = below(random, 20) == 0 ? 17 : 1 + below(random, 9);
  std::string ids;
  for (std::size_t i = 0, size = below(random, 70); i < size; ++i) {
    ids += i == 0 ? "" : "," + (below(random, 200) == 0 ? "" : blank);
    for (std::size_t digit = 0, digits = 1 + below(random, longest); digit < digits; ++digit) {
      ids += static_cast<char>('0' + below(random, 10));
    }
  }
  std::array<std::string, 4> members{
      "\"timestamp\":" + blank + std::to_string(below(random, 100'000'000'000)),
      "\"input_length\":" + blank + std::to_string(below(random, 20'000)),
      "\"output_length\":" + blank + std::to_string(below(random, 2'000)),
      "\"hash_ids\":" + blank + "[" + ids + "]"};
  if (below(random, 8) == 0) {
    std::swap(members[below(random, 4)], members[below(random, 4)]);
  }
  std::string row = "{" + members[0];
  for (std::size_t i = 1; i < members.size(); ++i) {
    row += "," + blank + members[i];
  }
  return row + "}";
}

// Whether the plain reader takes the row; if it does, it must find what the strict one finds.
bool is_taken(const std::string& text, bool after_carriage_return, ContentLists& lists) {
  const LineOfReader line(text + (after_carriage_return ? "\r" : ""), '\n');
  TraceRow row;
  const char* const next = read_plain_mooncake_row(line.line(), row, lists);
  if (next == nullptr) {
    return false;
  }
  std::vector<std::uint64_t> strict_ids;
  const MooncakeRow strict = parse_mooncake_line(text, Place{"t"}, strict_ids);
  EXPECT_EQ(next - line.line().data(), std::ssize(line.line()) + 1) << text;
  EXPECT_EQ(row.arrival, strict.arrival) << text;
  EXPECT_EQ(row.prompt, strict.prompt) << text;
  EXPECT_EQ(row.output, strict.output) << text;
  EXPECT_EQ(strict.max_output, 0U) << text;
  EXPECT_EQ(strict.attributes, TraceAttributes{}) << text;
  const std::span<const std::uint64_t> ids = lists.open();
  EXPECT_EQ(std::vector(ids.begin(), ids.end()), strict_ids) << text;
  return true;
}

TEST(PlainMooncakeRow, ThatIsTakenIsWhatTheStrictParserFinds) {
  const std::vector<std::string> good{
      R"({"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [4, 47, 23]})",
      R"({"timestamp":0,"input_length":1,"output_length":1,"hash_ids":[]})",
      R"({"hash_ids": [1234567890123456,9], "output_length":5,"input_length": 3,"timestamp": 1.5})",
      R"({"output_length": 12345678, "timestamp": 123456789012.123456789, "input_length": 0})",
      R"({"timestamp":7,"input_length":9,"output_length":3,"hash_ids":[1,22,333,4444,55555]})",
  };
  RandomStream random(3, "lines");
  ContentLists lists;
  std::int64_t taken = 0;  // of those that were changed
  for (int round = 0; round < 200'000 && !HasFailure(); ++round) {
    const bool is_whole = below(random, 4) == 0;
    const std::string whole = round % 2 == 0
                                  ? mooncake_row(random)
                                  : good[static_cast<std::size_t>(round / 2) % good.size()];
    const std::string text = is_whole ? whole : changed(whole, random);
    const bool took = is_taken(text, round % 3 == 0, lists);
    ASSERT_TRUE(took || !is_whole || round % 2 == 0) << text;
    taken += took && !is_whole ? 1 : 0;
    if (took && below(random, 3) == 0) {
      static_cast<void>(lists.close());
    }
  }
  EXPECT_GT(taken, 10'000);
}

// Text that comes in pieces of a few characters.
class InPieces final : public std::streambuf {
 public:
  InPieces(std::string text, std::size_t piece) : text_(std::move(text)), piece_(piece) {}

 protected:
  std::streamsize xsgetn(char* to, std::streamsize room) override {
    const std::size_t length =
        std::min({piece_, static_cast<std::size_t>(room), text_.size() - at_});
    text_.copy(to, length, at_);
    at_ += length;
    return static_cast<std::streamsize>(length);
  }

 private:
  std::string text_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

Trace trace_in_pieces(const std::string& text, std::size_t piece, const TraceArrivals& spec = {}) {
  InPieces pieces(text, piece);
  Diagnostics notes;
  return read_trace(pieces, "t.csv", spec, notes);
}

// "0.0123" as picoseconds, digit by digit.
std::int64_t naive_picoseconds(const std::string& seconds) {
  const std::size_t point = std::min(seconds.find('.'), seconds.size());
  std::string decimals = point < seconds.size() ? seconds.substr(point + 1) : "";
  decimals.resize(12, '0');
  return std::stoll(seconds.substr(0, point)) * 1'000'000'000'000 + std::stoll(decimals);
}

// What shown() gives, read field by field with the standard library.
std::string naively_shown(const std::string& text, bool date_time) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  std::string rows;
  std::int64_t first = -1;
  while (std::getline(lines, line)) {
    line.erase(std::remove_if(line.begin(), line.end(),
                              [](char c) { return c == '"' || c == '\r' || c == '\t'; }),
               line.end());
    std::istringstream fields(line);
    std::string time;
    std::string prompt;
    std::string output;
    if (!std::getline(fields, time, ',') || !std::getline(fields, prompt, ',') ||
        !std::getline(fields, output)) {
      continue;  // blank
    }
    time.erase(time.find_last_not_of(' ') + 1);
    std::int64_t arrival = 0;
    if (date_time) {
      const std::size_t start = time.find('2');
      const auto number = [&](std::size_t at) { return std::stoll(time.substr(start + at, 2)); };
      arrival = (number(8) * 86'400 + number(11) * 3600 + number(14) * 60) * 1'000'000'000'000 +
                naive_picoseconds(time.substr(start + 17));
    } else {
      arrival = naive_picoseconds(time);
    }
    first = first < 0 ? arrival : first;
    rows += std::to_string(arrival - first) + ":" + std::to_string(std::stoll(prompt)) + ":" +
            std::to_string(std::stoll(output)) + " ";
  }
  return rows;
}

// Rows in order of time, in every dress that a good row may wear: most of them plain.
std::string dressed_rows(RandomStream& random, bool date_time, int num_rows) {
  std::string text = date_time ? "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                               : "arrived_at,num_prefill_tokens,num_decode_tokens\n";
  std::int64_t microseconds = 0;
  const auto padded = [](std::int64_t number, std::size_t width) {
    const std::string digits = std::to_string(number);
    return std::string(width - std::min(width, digits.size()), '0') + digits;
  };
  for (int i = 0; i < num_rows; ++i) {
    microseconds += draw_between(random, 0, 40'000'000);
    const std::int64_t seconds = microseconds / 1'000'000;
    const std::string decimals = below(random, 9) == 0 && microseconds % 1'000'000 == 0
                                     ? ""
                                     : "." + padded(microseconds % 1'000'000, 6);
    std::array<std::string, 3> fields;
    fields[0] = date_time ? "2023-11-" + padded(1 + seconds / 86'400, 2) +
                                (i % 5 == 0 ? "T" : " ") + padded(seconds / 3600 % 24, 2) + ":" +
                                padded(seconds / 60 % 60, 2) + ":" + padded(seconds % 60, 2)
                          : std::to_string(seconds);
    fields[0] += decimals;
    fields[1] = std::string(below(random, 3), '0') + std::to_string(1 + below(random, 5'000));
    fields[2] = std::to_string(1 + below(random, 400));
    for (std::string& field : fields) {
      const std::size_t dress = below(random, 20);
      field = dress == 0 ? "\"" + field + "\"" : dress == 1 ? "\t" + field + " " : field;
    }
    text += fields[0] + "," + fields[1] + "," + fields[2] +
            (below(random, 3) == 0 ? "\r\n" : "\n") + (below(random, 20) == 0 ? " \n\n" : "");
  }
  return text;
}

TEST(PlainFile, IsWhatANaiveReaderFindsWhateverPiecesItComesIn) {
  RandomStream random(4, "files");
  for (const bool date_time : {false, true}) {
    for (int file = 0; file < 20; ++file) {
      std::string text = dressed_rows(random, date_time, 200);
      if (file % 2 == 0) {
        text.erase(text.find_last_not_of("\r\n \"\t") + 1);
      }
      const std::string expected = naively_shown(text, date_time);
      ASSERT_EQ(shown(trace_of(text)), expected) << text;
      for (const std::size_t piece : {1, 2, 3, 7, 31, 64}) {
        ASSERT_EQ(shown(trace_in_pieces(text, piece)), expected) << "pieces of " << piece;
      }
    }
  }
}

template <class Row>
std::string shown_with_ids(const Row& row, std::span<const std::uint64_t> ids) {
  std::string shown = std::to_string(row.prompt) + ":" + std::to_string(row.output) + ":" +
                      std::to_string(row.max_output);
  for (const std::uint64_t id : ids) {
    shown += "," + std::to_string(id);
  }
  return shown + "\n";
}

// The rows with their ids, or the first complaint, as the strict parser gives them line by line.
std::string strictly_shown(const std::string& text) {
  std::vector<std::pair<Duration, std::string>> rows;
  std::istringstream lines(text);
  std::vector<std::uint64_t> ids;
  std::int64_t number = 0;
  try {
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (line.ends_with('\r')) {
        line.pop_back();
      }
      if (line.find_first_not_of(" \t") == std::string::npos) {
        continue;
      }
      const MooncakeRow row = parse_mooncake_line(line, Place{"t.csv", number, 0}, ids);
      if (row.prompt > 0 && row.output > 0) {
        rows.emplace_back(row.arrival, shown_with_ids(row, ids));
      }
    }
  } catch (const BadInput& bad) {
    return bad.what();
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string all;
  for (const auto& [arrival, row] : rows) {
    all += row;
  }
  return all;
}

std::string shown_from_pieces(const std::string& text, std::size_t piece) {
  TraceArrivals spec;
  spec.format = TraceFormat::mooncake;
  try {
    const Trace trace = trace_in_pieces(text, piece, spec);
    std::string all;
    for (const TraceRow& row : trace.rows) {
      all += shown_with_ids(row, trace.pieces_of(row));
    }
    return all;
  } catch (const BadInput& bad) {
    return bad.what();
  }
}

// Good rows with a spoilt one among them, and others that are good but not plain.
std::string spoilt_mooncake(RandomStream& random) {
  std::string text;
  for (std::size_t i = 0, rows = 1 + below(random, 12); i < rows; ++i) {
    std::string row = mooncake_row(random);
    if (below(random, 6) == 0) {
      row.insert(1, below(random, 2) == 0 ? R"("max_tokens": 77, )" : R"("x": {"}": [1]},  )");
    }
    text += row + (below(random, 5) == 0 ? "\r\n" : "\n") + (below(random, 9) == 0 ? " \n" : "");
  }
  return below(random, 2) == 0 ? changed(text, random) : text;
}

TEST(MooncakeFile, IsWhatTheStrictParserFindsLineByLine) {
  RandomStream random(5, "mooncake");
  std::int64_t refused = 0;
  for (int file = 0; file < 4'000; ++file) {
    const std::string text = spoilt_mooncake(random);
    const std::string expected = strictly_shown(text);
    const std::string found =
        shown_from_pieces(text, file % 2 == 0 ? 1'000'000 : 1 + below(random, 90));
    if (found.find("no request is left") == std::string::npos &&
        found.find("the trace is empty") == std::string::npos) {
      ASSERT_EQ(found, expected) << text;
    }
    refused += found.starts_with("t.csv") ? 1 : 0;
  }
  EXPECT_GT(refused, 1'000);
  EXPECT_LT(refused, 2'400);
}

// Room is made for what is to come, as far as that is known.
TEST(MooncakeFile, OfManyRowsIsTheSameWhetherItsEndIsKnownOrNot) {
  RandomStream random(6, "many");
  std::string text;
  for (int row = 0; row < 5'000; ++row) {
    text += mooncake_row(random) + "\n";
  }
  const std::string expected = strictly_shown(text);
  EXPECT_EQ(shown_from_pieces(text, 10'000), expected);
  const Trace trace = trace_of(text);
  std::string known;
  for (const TraceRow& row : trace.rows) {
    known += shown_with_ids(row, trace.pieces_of(row));
  }
  EXPECT_EQ(known, expected);
}

// The reader's own pieces are of 256 KiB.
TEST(PlainFile, MayBeCutAnywhereInARow) {
  const std::string line = "2023-11-16 18:15:46.6805900,374,44\r\n";
  const std::string json = R"({"timestamp": 27, "input_length": 5, "output_length": 2, "hash_ids":)"
                           " [46, 12345678]}\n";
  const std::size_t piece = std::size_t{256} * 1024;
  for (std::size_t at = 0; at <= json.size(); ++at) {
    // Blank lines, so that the row in the middle starts `at` characters before the piece's end.
    std::string csv = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + line;
    csv += std::string(piece - at - csv.size() - 1, ' ') + "\n" + line + line;
    ASSERT_EQ(shown(trace_of(csv)), "0:374:44 0:374:44 0:374:44 ") << at;
    std::string mooncake = json;
    mooncake += std::string(piece - at - mooncake.size() - 1, ' ') + "\n" + json + json;
    const Trace trace = trace_of(mooncake);
    ASSERT_EQ(shown(trace), "0:5:2 0:5:2 0:5:2 ") << at;
    ASSERT_EQ(trace.pieces_of(trace.rows[1])[1], 12'345'678U) << at;
  }
}

// Digits that an earlier piece has left behind are not of the last row, which has no end of line.
TEST(PlainFile, EndsWhereItEnds) {
  const std::size_t piece = std::size_t{256} * 1024;
  std::string text = "arrived_at,num_prefill_tokens,num_decode_tokens\n1,1,1\n";
  text += std::string(piece - text.size() - 1, '\t') + "\n";
  const std::string digits = "2,7777777,7777777\n";
  text.replace(1'000, digits.size(), "\n2,777777,777777\n");
  for (std::size_t length = 1; length <= 6; ++length) {
    const std::string last = "3,5," + std::string(length, '4');
    EXPECT_TRUE(shown(trace_of(text + last)).ends_with(":5:" + std::string(length, '4') + " "));
  }
}

}  // namespace
}  // namespace tessera
