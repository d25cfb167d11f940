// What a sweep over seeds says of each setting, and how sure it is.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

// Over the seeds of one setting, as CSV holds it.
struct SeedsCell {
  std::string mean;  // of a column of words: the word that all seeds agree on
  // Half the width of the mean's 95 % confidence interval (Student's t over independent runs);
  // empty for fewer than two numbers, and for words.
  std::string half_width;
};

struct SeedsRow {
  std::vector<std::string> values;  // of the axes but the seed
  std::int64_t num_seeds = 0;
  std::int64_t num_failed = 0;   // those of them whose run failed
  std::vector<SeedsCell> cells;  // one a column
};

struct SeedsTable {
  struct Column {
    std::string name;
    bool holds_numbers = true;
  };
  std::vector<std::string> axes;  // without the seed
  std::vector<Column> columns;    // those of a run's summary
  std::vector<SeedsRow> rows;     // settings in the order in which summary.csv first has them
};

// From the text of a sweep's summary.csv. Nothing when `seed` is no axis of it, or has one value.
[[nodiscard]] std::optional<SeedsTable> seeds_table(std::string_view summary_csv);

// seeds.csv: the axes, num_seeds, num_failed, and each column's mean under its own name, followed,
// where it holds numbers, by its half-width as <column>_ci95.
[[nodiscard]] std::string seeds_csv(const SeedsTable& table);

}  // namespace tessera
