#include "tests/truth/engine_trace/step_trace.hpp"

#include <algorithm>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <charconv>
#include <fstream>
#include <map>
#include <string_view>

#include "tessera/core/diagnostic.hpp"
#include "tests/truth/engine_trace/settings.hpp"

namespace tessera::truth {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  if (text.empty()) {
    return parts;
  }
  std::size_t start = 0;
  while (true) {
    const std::size_t end = text.find(separator, start);
    parts.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) {
      return parts;
    }
    start = end + 1;
  }
}

// A CSV file whose columns are found by name. Fields hold no commas and no quotes.
class Table {
 public:
  Table(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {
    if (!std::getline(in_, line_)) {
      throw BadInput(Place{name_}, "is empty");
    }
    const auto names = split(line_, ',');
    for (std::size_t i = 0; i < names.size(); ++i) {
      columns_.emplace(std::string(names[i]), i);
    }
  }

  bool next() {
    if (!std::getline(in_, line_)) {
      return false;
    }
    ++number_;
    fields_ = split(line_, ',');
    if (fields_.size() != columns_.size()) {
      fail("has another number of fields than the header");
    }
    return true;
  }

  [[nodiscard]] std::string_view text(const std::string& column) const {
    const auto found = columns_.find(column);
    if (found == columns_.end()) {
      fail("there is no column '" + column + "'");
    }
    return fields_[found->second];
  }

  [[nodiscard]] std::int64_t integer(const std::string& column) const {
    return to_integer(text(column));
  }

  [[nodiscard]] std::int64_t to_integer(std::string_view field) const {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc{} || end != field.data() + field.size()) {
      fail("expected a whole number, got '" + std::string(field) + "'");
    }
    return value;
  }

  // Seconds with seven decimals as ticks of 100 ns.
  [[nodiscard]] std::int64_t ticks(const std::string& column) const {
    const std::string_view field = text(column);
    const std::size_t point = field.find('.');
    if (point == std::string_view::npos || field.size() - point - 1 != 7) {
      fail("expected seconds with seven decimals, got '" + std::string(field) + "'");
    }
    return to_integer(field.substr(0, point)) * 10'000'000 + to_integer(field.substr(point + 1));
  }

  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& column) const {
    std::vector<std::int64_t> values;
    for (const std::string_view part : split(text(column), ';')) {
      values.push_back(to_integer(part));
    }
    return values;
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw BadInput(Place{name_, number_}, message);
  }

 private:
  std::istream& in_;
  std::string name_;
  std::string line_;
  std::int64_t number_ = 1;
  std::map<std::string, std::size_t> columns_;
  std::vector<std::string_view> fields_;
};

std::vector<std::int64_t> sorted(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<ScheduledTokens> scheduled_of(const Table& table) {
  std::vector<ScheduledTokens> entries;
  for (const std::string_view part : split(table.text("scheduled"), ';')) {
    const auto fields = split(part, ':');
    if (fields.size() != 3 || (fields[2] != "p" && fields[2] != "d")) {
      table.fail("expected id:tokens:p or id:tokens:d, got '" + std::string(part) + "'");
    }
    entries.push_back({table.to_integer(fields[0]), table.to_integer(fields[1]), fields[2][0]});
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<HitTokens> hits_of(const Table& table) {
  std::vector<HitTokens> hits;
  for (const std::string_view part : split(table.text("hits"), ';')) {
    const auto fields = split(part, ':');
    if (fields.size() != 2) {
      table.fail("expected id:tokens, got '" + std::string(part) + "'");
    }
    hits.push_back({table.to_integer(fields[0]), table.to_integer(fields[1])});
  }
  std::sort(hits.begin(), hits.end());
  return hits;
}

TraceStep read_step(const Table& table) {
  TraceStep step;
  step.step = table.integer("step");
  step.clock_start = table.ticks("clock_start_s");
  step.clock_end = table.ticks("clock_end_s");
  step.scheduled_at = table.ticks("sched_s");
  step.num_running_before = table.integer("num_running_before");
  step.num_waiting_before = table.integer("num_waiting_before");
  step.num_swapped_before = table.integer("num_swapped_before");
  step.scheduled = scheduled_of(table);
  step.preempted = table.integers("preempted");
  step.finished = sorted(table.integers("finished"));
  step.admitted = sorted(table.integers("admitted"));
  step.swapped_in = table.integers("swapped_in");
  step.swapped_out = table.integers("swapped_out");
  step.free_blocks_after_schedule = table.integer("free_blocks_after_schedule");
  step.free_blocks_after = table.integer("free_blocks_after");
  step.total_blocks = table.integer("total_blocks");
  step.cached_hit_tokens = table.integer("cached_hit_tokens");
  step.hits = hits_of(table);
  step.num_running_after = table.integer("num_running_after");
  step.num_waiting_after = table.integer("num_waiting_after");
  step.num_tokens = table.integer("num_tokens");
  return step;
}

std::vector<TraceStep> read_steps(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw UnreadableFile(Place{path.string()}, "cannot be read");
  }
  boost::iostreams::filtering_istream in;
  in.push(boost::iostreams::gzip_decompressor());
  in.push(file);
  Table table(in, path.string());
  std::vector<TraceStep> steps;
  while (table.next()) {
    steps.push_back(read_step(table));
  }
  return steps;
}

std::vector<Request> read_workload(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) {
    throw UnreadableFile(Place{path.string()}, "cannot be read");
  }
  Table table(file, path.string());
  std::vector<Request> requests;
  while (table.next()) {
    Request request;
    request.id = static_cast<RequestId>(table.integer("id"));
    request.arrival = SimTime::at(Duration::nanoseconds(100) * table.integer("arrival_ticks"));
    request.prompt = Tokens{table.integer("prompt_tokens")};
    request.output = Tokens{table.integer("output_tokens")};
    request.priority = table.integer("priority");
    request.content.group = table.integer("group");
    request.content.shared_prefix = Tokens{table.integer("prefix_len")};
    request.content.conversation = table.integer("conv");
    requests.push_back(request);
  }
  return requests;
}

}  // namespace

bool is_modelled(const std::filesystem::path& folder) {
  return read_settings(folder / "config.json").not_modelled.empty();
}

StepTrace read_step_trace(const std::filesystem::path& folder,
                          const std::filesystem::path& workloads) {
  const std::filesystem::path config = folder / "config.json";
  TraceSettings settings = read_settings(config);
  if (!settings.not_modelled.empty()) {
    throw BadInput(Place{config.string()}, "not modelled: " + settings.not_modelled);
  }
  return {std::move(settings.scenario), read_workload(workloads / settings.workload),
          read_steps(folder / "steps.csv.gz")};
}

}  // namespace tessera::truth
