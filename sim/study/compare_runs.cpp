// Comparing: the settings by their paths, the numbers by their columns.

#include <algorithm>
#include <charconv>

#include "sim/study/csv_rows.hpp"
#include "tessera/config/values.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/metrics/run_recorder.hpp"
#include "tessera/study/compare.hpp"
#include "tessera/study/sweep_folder.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

std::string part_of_run(const fs::path& folder, const char* name) {
  if (!fs::is_directory(folder)) {
    throw UnreadableFile(Place{folder.string(), 0, 0},
                         "there is no such folder; give what 'tessera run -o' wrote");
  }
  if (fs::exists(folder / "sweep.json")) {
    throw UnreadableFile(
        Place{folder.string(), 0, 0},
        "holds a sweep; compare two of its points, such as " + (folder / "runs" / "0000").string());
  }
  if (!fs::exists(folder / name)) {
    throw UnreadableFile(Place{(folder / name).string(), 0, 0},
                         "is missing; give a folder that 'tessera run -o' wrote");
  }
  return text_of_file(folder / name);
}

std::vector<ScenarioValue> settings_in(const fs::path& folder) {
  constexpr const char* name = "scenario.resolved.yaml";
  return scenario_values(part_of_run(folder, name), (folder / name).string());
}

Summary summary_in(const fs::path& folder) {
  constexpr const char* name = "summary.csv";
  const std::string text = part_of_run(folder, name);
  const std::vector<std::string_view> rows = csv_rows(text);
  if (rows.size() != 2) {
    throw BadInput(Place{(folder / name).string(), 0, 0}, "expected a header and one row");
  }
  const std::vector<std::string> columns = csv_cells(rows[0]);
  const std::vector<std::string> values = csv_cells(rows[1]);
  if (columns.size() != values.size()) {
    throw BadInput(Place{(folder / name).string(), 2, 0}, "expected a cell a column");
  }
  Summary summary;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    summary.push_back({columns[i], values[i]});
  }
  return summary;
}

std::optional<double> number_of(const std::string& text) {
  double number = 0.0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const bool is_number = !text.empty() && parsed.ec == std::errc{} && parsed.ptr == end;
  return is_number ? std::optional(number) : std::nullopt;
}

Compared compared(ComparedPart part, std::string name, std::string a, std::string b) {
  Compared row{part, std::move(name), std::move(a), std::move(b), std::nullopt, std::nullopt};
  const auto from = number_of(row.a);
  const auto to = number_of(row.b);
  if (from && to) {
    row.difference = *to - *from;
    if (*from != 0.0) {
      row.ratio = *to / *from;
    }
  }
  return row;
}

// All names of both, those of `a` first, with what each side has of them.
template <class Item, class Name, class Value, class Add>
void for_each_pair(const std::vector<Item>& a, const std::vector<Item>& b, Name name, Value value,
                   Add add) {
  const auto in = [&](const std::vector<Item>& items, const std::string& wanted) {
    const auto found = std::find_if(items.begin(), items.end(),
                                    [&](const Item& item) { return name(item) == wanted; });
    return found == items.end() ? nullptr : &*found;
  };
  for (const Item& item : a) {
    const Item* const other = in(b, name(item));
    add(name(item), value(item), other == nullptr ? std::string() : value(*other));
  }
  for (const Item& item : b) {
    if (in(a, name(item)) == nullptr) {
      add(name(item), std::string(), value(item));
    }
  }
}

void add_settings(Comparison& comparison, const fs::path& a, const fs::path& b) {
  for_each_pair(
      settings_in(a), settings_in(b), [](const ScenarioValue& value) { return value.path; },
      [](const ScenarioValue& value) { return value.value; },
      [&](const std::string& path, const std::string& from, const std::string& to) {
        if (from != to) {
          comparison.rows.push_back(compared(ComparedPart::scenario, path, from, to));
        }
      });
}

ComparedPart part_of(const std::string& column) {
  const bool is_phase = std::any_of(
      phase_columns.begin(), phase_columns.end(),
      [&](const PhaseColumn& phase) { return column == "mean_" + std::string(phase.name); });
  if (is_phase) {
    return ComparedPart::time;
  }
  if (column.ends_with("_of_step_time")) {
    return ComparedPart::steps;
  }
  constexpr std::string_view mean_bytes = "_mean_bytes";
  const bool is_class = std::any_of(
      DeviceLedger::class_names.begin(), DeviceLedger::class_names.end(),
      [&](std::string_view name) { return column == std::string(name) + std::string(mean_bytes); });
  return is_class ? ComparedPart::memory : ComparedPart::result;
}

}  // namespace

Comparison compare_runs(const fs::path& a, const fs::path& b) {
  Comparison comparison;
  add_settings(comparison, a, b);
  for_each_pair(
      summary_in(a), summary_in(b), [](const SummaryCell& cell) { return cell.column; },
      [](const SummaryCell& cell) { return cell.value; },
      [&](const std::string& column, const std::string& from, const std::string& to) {
        comparison.rows.push_back(compared(part_of(column), column, from, to));
      });
  std::stable_sort(comparison.rows.begin(), comparison.rows.end(),
                   [](const Compared& x, const Compared& y) { return x.part < y.part; });
  return comparison;
}

std::string comparison_csv(const Comparison& comparison) {
  std::string csv = "part,name,a,b,difference,ratio\n";
  for (const Compared& row : comparison.rows) {
    csv += std::string(name_of(row.part)) + ",";
    append_csv(csv, row.name);
    csv += ',';
    append_csv(csv, row.a);
    csv += ',';
    append_csv(csv, row.b);
    csv += ',';
    if (row.difference) {
      append_real(csv, *row.difference);
    }
    csv += ',';
    if (row.ratio) {
      append_real(csv, *row.ratio);
    }
    csv += '\n';
  }
  return csv;
}

}  // namespace tessera
