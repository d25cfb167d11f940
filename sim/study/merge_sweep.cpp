// Merging: the shards' rows in the order of the points, and the tables made from them.

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <map>
#include <set>

#include "sim/study/csv_rows.hpp"
#include "sim/study/finished_sweep.hpp"
#include "sim/study/sweep_manifest.hpp"
#include "tessera/study/merge.hpp"
#include "tessera/study/stopwatch.hpp"
#include "tessera/study/sweep_folder.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw BadInput(Place{path.string(), 0, 0}, why);
}

bool is_table(const std::string& name) {
  return name == "summary.csv" || (name.starts_with("summary.") && name.ends_with(".csv"));
}

// The tables of finished shards, or of a whole sweep, that lie in a folder.
std::vector<fs::path> tables_in(const fs::path& folder) {
  std::vector<fs::path> tables;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_table(entry.path().filename().string())) {
      tables.push_back(entry.path());
    }
  }
  if (error) {
    throw UnreadableFile(Place{folder.string(), 0, 0}, "cannot look into this folder");
  }
  std::sort(tables.begin(), tables.end());
  return tables;
}

std::size_t cells_in(std::string_view row) {
  return csv_cells(row).size();
}

// The rows of all tables by point.
class MergedRows {
 public:
  void add(const fs::path& table, const fs::path& folder) {
    const std::string text = text_of_file(table);
    const std::vector<std::string_view> rows = csv_rows(text);
    if (rows.empty() || !text.ends_with('\n')) {
      refuse(table, "is not whole");
    }
    // A shard whose points all failed knows no columns of the runs.
    if (rows.front().size() > header_.size()) {
      header_ = rows.front();
    }
    for (std::size_t i = 1; i < rows.size(); ++i) {
      const std::string id(rows[i].substr(0, rows[i].find(',')));
      rows_[id] = rows[i];
      folders_[id] = folder;
    }
    paths_.push_back(table);
  }
  [[nodiscard]] std::string csv() const {
    const std::size_t width = cells_in(header_);
    std::string csv = header_ + "\n";
    for (const auto& [id, row] : rows_) {
      csv += row + std::string(width - cells_in(row), ',') + "\n";
    }
    return csv;
  }
  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(rows_.size()); }
  // Where the files of each point lie that was done.
  [[nodiscard]] std::map<std::string, fs::path> done() const {
    const std::vector<std::string> header = csv_cells(header_);
    const auto status = static_cast<std::size_t>(std::find(header.begin(), header.end(), "status") -
                                                 header.begin());
    std::map<std::string, fs::path> runs;
    for (const auto& [id, row] : rows_) {
      if (csv_cells(row).at(status) == "done") {
        runs[id] = folders_.at(id) / "runs" / id;
      }
    }
    return runs;
  }
  [[nodiscard]] const std::vector<fs::path>& tables() const { return paths_; }

 private:
  std::string header_;
  std::map<std::string, std::string> rows_;  // ids have equal widths: their order is the points'
  std::map<std::string, fs::path> folders_;
  std::vector<fs::path> paths_;
};

// sweep.json, the same in every folder.
std::string common_description(std::span<const fs::path> folders) {
  std::string description;
  for (const fs::path& folder : folders) {
    const std::string text = text_of_file(folder / "sweep.json");
    if (!description.empty() && text != description) {
      refuse(folder, "holds another sweep than " + folders.front().string() +
                         ", or one by another build of tessera: compare their sweep.json");
    }
    description = text;
  }
  return description;
}

// "summary.3-of-16.csv": which shards there should be.
std::string missing_shards(const MergedRows& rows) {
  std::set<std::int64_t> present;
  std::int64_t count = 0;
  for (const fs::path& table : rows.tables()) {
    const std::string name = table.filename().string();
    const std::size_t number_at = std::string_view("summary.").size();
    const std::size_t of = name.find("-of-");
    if (of != std::string::npos) {
      std::int64_t number = 0;
      std::from_chars(name.data() + number_at, name.data() + of, number);
      std::from_chars(name.data() + of + 4, name.data() + name.size(), count);
      present.insert(number);
    }
  }
  std::string missing;
  for (std::int64_t number = 1; number <= count; ++number) {
    if (!present.contains(number)) {
      missing +=
          (missing.empty() ? "" : ", ") + std::to_string(number) + "/" + std::to_string(count);
    }
  }
  return missing;
}

void check_complete(const MergedRows& rows, std::int64_t num_points, const fs::path& folder) {
  if (rows.count() != num_points) {
    const std::string missing = missing_shards(rows);
    refuse(folder,
           "holds " + std::to_string(rows.count()) + " of the sweep's " +
               std::to_string(num_points) + " points; " +
               (missing.empty() ? "no shard is finished" : "not finished: --shard " + missing) +
               "; run what is missing again with --resume");
  }
  for (const auto& [id, run] : rows.done()) {
    if (!fs::exists(run / "summary.csv")) {
      refuse(run, "is missing, though its shard's table has it");
    }
  }
}

void copy_runs(const MergedRows& rows, const OutputFolder& output) {
  std::error_code error;
  fs::create_directory(output.staging() / "runs", error);
  for (const auto& [id, run] : rows.done()) {
    fs::copy(run, output.staging() / "runs" / id, fs::copy_options::recursive, error);
    if (error) {
      throw OutputFailed("cannot copy " + run.string() + ": " + error.message());
    }
  }
}

void write_in_place(const fs::path& folder, const MergedRows& rows, const std::string& manifest) {
  write_finished_sweep(rows.csv(), manifest, [&](std::string_view name, std::string_view text) {
    write_at_once(folder / name, text);
  });
  std::error_code error;
  for (const fs::path& table : rows.tables()) {
    if (table.filename() != "summary.csv" && !fs::remove(table, error)) {
      throw OutputFailed("cannot remove " + table.string());
    }
  }
}

void write_elsewhere(const fs::path& into, const MergedRows& rows, const std::string& description,
                     const std::string& manifest) {
  OutputFolder output(into, IfExists::refuse);
  copy_runs(rows, output);
  output.write("sweep.json", description);
  write_finished_sweep(rows.csv(), manifest, [&](std::string_view name, std::string_view text) {
    output.write(name, text);
  });
  output.commit();
}

}  // namespace

MergeResult merge_sweep(std::span<const fs::path> folders, const std::optional<fs::path>& into,
                        const RunOrigin& origin) {
  const Stopwatch stopwatch;
  const std::string description = common_description(folders);
  const auto described = boost::json::parse(description).as_object();
  MergedRows rows;
  for (const fs::path& folder : folders) {
    for (const fs::path& table : tables_in(folder)) {
      rows.add(table, folder);
    }
  }
  MergeResult result;
  result.num_points = described.at("num_points").as_int64();
  check_complete(rows, result.num_points, folders.front());
  result.num_failed = result.num_points - static_cast<std::int64_t>(rows.done().size());
  result.num_shards = static_cast<std::int64_t>(
      std::count_if(rows.tables().begin(), rows.tables().end(),
                    [](const fs::path& table) { return table.filename() != "summary.csv"; }));
  const std::string manifest =
      sweep_manifest({std::string(described.at("scenario_sha256").as_string()), result.num_points,
                      result.num_failed, std::max<std::int64_t>(1, result.num_shards)},
                     origin, stopwatch);
  if (into) {
    write_elsewhere(*into, rows, description, manifest);
  } else if (result.num_shards > 0) {
    write_in_place(folders.front(), rows, manifest);
  }
  return result;
}

}  // namespace tessera
