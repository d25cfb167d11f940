// tessera compare: two runs side by side.

#include "tessera/study/compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sim/cli/metric_text.hpp"
#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"

namespace tessera {
namespace {

// A difference that a reader should see, and not the last digit of a rounding.
constexpr double smallest_change = 5e-4;

std::string change(const Compared& row) {
  if (row.ratio && std::isfinite(*row.ratio) && *row.ratio > 0.0) {
    const double relative = *row.ratio - 1.0;
    return *row.ratio >= 10.0 || *row.ratio <= 0.1
               ? "x " + three_digits(*row.ratio)
               : std::string(relative < 0 ? "" : "+") + fixed(100.0 * relative, 1) + " %";
  }
  return "";
}

bool is_worth_showing(const Compared& row) {
  if (row.part == ComparedPart::scenario) {
    return true;
  }
  if (!row.difference) {
    return row.a != row.b;
  }
  return std::abs(*row.difference) >
         smallest_change * std::max(1e-9, std::abs(number_of(row.a).value_or(0.0)));
}

std::string section(const Comparison& comparison, ComparedPart part, const std::string& heading,
                    const std::string& otherwise) {
  Table table;
  table.column(heading, Align::left);
  table.column("A", Align::right);
  table.column("B", Align::right);
  table.column("B to A", Align::right);
  bool any = false;
  bool is_told = part == ComparedPart::scenario;
  for (const Compared& row : comparison.rows) {
    is_told = is_told || row.part == part;
    if (row.part == part && is_worth_showing(row)) {
      const bool is_setting = part == ComparedPart::scenario;
      const auto text = [&](const std::string& value) {
        return is_setting ? (value.empty() ? std::string("-") : value)
                          : metric_text(row.name, value);
      };
      table.row({"  " + row.name, text(row.a), text(row.b), is_setting ? "" : change(row)});
      any = true;
    }
  }
  return any ? table.text() : heading + ": " + (is_told ? otherwise : "not told") + "\n";
}

// "decode_ms" of "mean_decode_ms"; "kv_live" of "kv_live_mean_bytes".
std::string part_name(std::string column) {
  for (const std::string_view ending : {"_mean_bytes", "_ms"}) {
    if (column.ends_with(ending)) {
      column.resize(column.size() - ending.size());
    }
  }
  return column.starts_with("mean_") ? column.substr(5) : column;
}

// "a mean request takes 1.2 s longer: queued_memory +1.1 s, decode +0.1 s"
std::string largest_changes(const Comparison& comparison, ComparedPart part,
                            const std::string& opening) {
  std::vector<const Compared*> changed;
  for (const Compared& row : comparison.rows) {
    if (row.part == part && row.difference && is_worth_showing(row)) {
      changed.push_back(&row);
    }
  }
  std::stable_sort(changed.begin(), changed.end(), [](const Compared* x, const Compared* y) {
    return std::abs(*x->difference) > std::abs(*y->difference);
  });
  constexpr std::size_t most_named = 3;
  changed.resize(std::min(changed.size(), most_named));
  std::string text;
  for (const Compared* row : changed) {
    const double change_of_it = std::abs(*row->difference);
    const std::string magnitude = row->name.ends_with("_bytes")
                                      ? human_bytes(Bytes{std::llround(change_of_it)})
                                      : human_seconds(change_of_it / 1e3);
    text += (text.empty() ? opening : ", ") + part_name(row->name) +
            (*row->difference < 0 ? " -" : " +") + magnitude;
  }
  return text.empty() ? text : text + "\n";
}

void print_table(const Comparison& comparison) {
  print(section(comparison, ComparedPart::scenario, "What differs in the scenarios", "nothing"));
  print("\n" + section(comparison, ComparedPart::result, "What came of it", "the same numbers"));
  print("\n" + section(comparison, ComparedPart::time, "What a mean finished request spent",
                       "the same times"));
  print(largest_changes(comparison, ComparedPart::time, "  most of the change: "));
  print("\n" +
        section(comparison, ComparedPart::steps, "What bounds the steps", "the same shares"));
  print("\n" + section(comparison, ComparedPart::memory,
                       "Where the device's bytes were, on average", "in the same places"));
  print(largest_changes(comparison, ComparedPart::memory, "  most of the change: "));
}

}  // namespace

VerbOptions compare_options() {
  VerbOptions options({
      .synopsis = "tessera compare A B [options]",
      .about = "Says what differs between two runs (folders that 'tessera run -o' wrote, or points "
               "of a sweep): first in\ntheir scenarios, then in the numbers, then in where time "
               "and bytes went. Numbers that are equal\nto a twentieth of a percent are left out; "
               "--format csv has them all.",
      .examples = "  tessera compare out/a out/b\n"
                  "  tessera compare out/s/runs/0003 out/s/runs/0006 --format csv\n",
  });
  options.value("format", "FORMAT", "table or csv (table)");
  return options;
}

int compare_verb(const Invocation& invocation) {
  const auto given = compare_options().parse(invocation.arguments, {2, 2});
  if (!given) {
    return ExitStatus::done;
  }
  const std::string format = given->text("format").value_or("table");
  if (format != "table" && format != "csv") {
    throw WrongUsage("--format is one of table, csv, not '" + format + "'");
  }
  const std::vector<std::string> folders = given->positionals();
  const Comparison comparison = compare_runs(folders[0], folders[1]);
  if (format == "csv") {
    print(comparison_csv(comparison));
  } else {
    print("A is " + folders[0] + ", B is " + folders[1] + "\n\n");
    print_table(comparison);
  }
  return ExitStatus::done;
}

}  // namespace tessera
