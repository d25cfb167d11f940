#include "sim/report/request_data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>

#include "sim/report/json_numbers.hpp"
#include "sim/report/result_table.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::size_t>;

constexpr std::array<std::string_view, 5> statuses{"finished", "rejected", "cancelled", "timed_out",
                                                   "unfinished"};

// Where a request's time went; they sum to e2el_ms.
constexpr std::array<std::string_view, 9> time_columns{
    "queued_slot_ms", "queued_memory_ms", "prefill_ms", "decode_ms", "stalled_ms",
    "preempted_ms",   "recomputed_ms",    "swapped_ms", "held_ms"};

class Requests {
 public:
  explicit Requests(const fs::path& file) : file_(file) {
    std::vector<std::string_view> wanted(known.begin(), known.end());
    wanted.insert(wanted.end(), time_columns.begin(), time_columns.end());
    table_ = read_number_table(file, wanted, statuses);
  }

  [[nodiscard]] std::size_t size() const { return table_.rows(); }
  [[nodiscard]] const std::vector<double>& operator[](std::string_view name) const {
    const std::vector<double>* values = table_.find(name);
    if (values == nullptr) {
      throw BadInput({file_.string(), 1, 0}, "there is no column '" + std::string(name) + "'");
    }
    return *values;
  }
  [[nodiscard]] Rows finished() const {
    Rows rows;
    const std::vector<double>& status = (*this)["status"];
    for (std::size_t row = 0; row < status.size(); ++row) {
      if (status[row] == 0) {
        rows.push_back(row);
      }
    }
    return rows;
  }

 private:
  static constexpr std::array<std::string_view, 10> known{
      "request_id", "engine",  "arrival_s", "scheduled_s", "first_token_s",
      "finished_s", "ttft_ms", "tpot_ms",   "e2el_ms",     "status"};
  fs::path file_;
  NumberTable table_;
};

Rows in_order_of(const std::vector<double>& values, Rows rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return rows;
}

boost::json::object timeline(const Requests& requests, std::size_t most) {
  Rows all(requests.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  all = in_order_of(requests["arrival_s"], std::move(all));
  Rows shown;
  const std::size_t count = std::min(most, all.size());
  for (std::size_t i = 0; i < count; ++i) {
    shown.push_back(all[i * all.size() / count]);
  }
  boost::json::object result{{"of", static_cast<std::int64_t>(all.size())}};
  for (const auto& [name, column] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"id", "request_id"},
           {"engine", "engine"},
           {"arrival", "arrival_s"},
           {"scheduled", "scheduled_s"},
           {"first", "first_token_s"},
           {"finished", "finished_s"},
           {"status", "status"}}) {
    result[name] = json_numbers(requests[column], shown);
  }
  return result;
}

boost::json::array quantiles(const std::vector<double>& values, const Rows& rows) {
  constexpr std::size_t points = 200;
  std::vector<double> sorted;
  for (const std::size_t row : rows) {
    if (!std::isnan(values[row])) {
      sorted.push_back(values[row]);
    }
  }
  std::sort(sorted.begin(), sorted.end());
  boost::json::array result;
  for (std::size_t i = 0; i <= points && !sorted.empty(); ++i) {
    const double at = static_cast<double>(sorted.size() - 1) * static_cast<double>(i) / points;
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    const double share = at - static_cast<double>(below);
    result.push_back(json_number(sorted[below] + share * (sorted[above] - sorted[below])));
  }
  return result;
}

boost::json::object time_parts(const Requests& requests, const Rows& finished) {
  constexpr std::size_t groups = 10;
  const Rows rows = in_order_of(requests["e2el_ms"], finished);
  const std::size_t used = std::min(groups, rows.size());
  boost::json::object means;
  for (const std::string_view part : time_columns) {
    const std::vector<double>& times = requests[part];
    boost::json::array values;
    for (std::size_t group = 0; group < used; ++group) {
      const std::size_t begin = rows.size() * group / used;
      const std::size_t end = rows.size() * (group + 1) / used;
      double sum = 0;
      for (std::size_t i = begin; i < end; ++i) {
        sum += times[rows[i]];
      }
      values.push_back(json_number(sum / static_cast<double>(end - begin)));
    }
    means[part.substr(0, part.size() - 3)] = std::move(values);
  }
  return means;
}

}  // namespace

boost::json::object request_data(const fs::path& file, std::size_t most_requests) {
  const Requests requests(file);
  const Rows finished = requests.finished();
  boost::json::object latency;
  for (const std::string_view name : {"ttft_ms", "tpot_ms", "e2el_ms"}) {
    latency[name] = quantiles(requests[name], finished);
  }
  return {{"timeline", timeline(requests, most_requests)},
          {"latency", std::move(latency)},
          {"time_parts", time_parts(requests, finished)}};
}

}  // namespace tessera
