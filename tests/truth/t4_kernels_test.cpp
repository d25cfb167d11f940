// The roofline against linear and elementwise operations measured on a T4 (Llama-2-7B, Vidur's
// profile): fitted on tensor parallel degree 1, scored on the shards of degrees 2, 4 and 8.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tessera/config/load.hpp"
#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using Row = std::map<std::string, std::string>;

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream text(line);
  for (std::string cell; std::getline(text, cell, ',');) {
    cells.push_back(cell);
  }
  return cells;
}

std::vector<Row> read_rows(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> header = split(line);
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = split(line);
    Row row;
    for (std::size_t i = 0; i < cells.size() && i < header.size(); ++i) {
      row[header[i]] = cells[i];
    }
    rows.push_back(row);
  }
  return rows;
}

// One layer of one rank's share.
ModelSpec shard(const Row& row) {
  const std::int64_t degree = std::stoll(row.at("num_tensor_parallel_workers"));
  ModelSpec model = cost_fixtures::llama_7b();
  model.layers = 1;
  model.heads = std::stoll(row.at("n_head")) / degree;
  model.kv_heads = std::stoll(row.at("n_kv_head")) / degree;
  model.hidden = std::stoll(row.at("n_embd"));
  model.head_size = model.hidden / std::stoll(row.at("n_head"));
  model.intermediate = std::stoll(row.at("n_expanded_embd")) / degree;
  return model;
}

// Absolute errors of one operation at one degree.
struct Errors {
  std::vector<double> percent;

  [[nodiscard]] double quantile(double q) const {
    std::vector<double> sorted = percent;
    std::sort(sorted.begin(), sorted.end());
    const double position = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (position - std::floor(position)) * (sorted[above] - sorted[below]);
  }
  void add(const Errors& other) {
    percent.insert(percent.end(), other.percent.begin(), other.percent.end());
  }
};

// By operation and degree. Products at all token counts; elementwise kernels, whose times are
// quantised to a microsecond, from 128 tokens on.
using Table = std::map<std::string, std::map<std::int64_t, Errors>>;

const std::map<std::string, std::string> products{{"qkv_proj", "attn_pre_proj"},
                                                  {"out_proj", "attn_post_proj"},
                                                  {"mlp_up", "mlp_up_proj"},
                                                  {"mlp_down", "mlp_down_proj"}};
const std::map<std::string, std::string> elementwise{{"rope", "attn_rope"}, {"mlp_act", "mlp_act"}};

Table score(const std::vector<Row>& rows) {
  const GpuSpec t4 = gpu_preset("t4");
  Table table;
  for (const Row& row : rows) {
    const std::int64_t tokens = std::stoll(row.at("num_tokens"));
    const std::int64_t degree = std::stoll(row.at("num_tensor_parallel_workers"));
    const auto cost = make_cost_model(RooflineCostSpec{}, t4, shard(row), PrecisionSpec{});
    for (const OperationTime& operation : cost->operations(cost_fixtures::chunk(0, tokens, 1))) {
      const std::string name(operation.name);
      const bool is_product = products.contains(name);
      if (!is_product && (!elementwise.contains(name) || tokens < 128)) {
        continue;
      }
      const std::string& column = is_product ? products.at(name) : elementwise.at(name);
      const std::string& cell = row.at("time_stats." + column + ".median");
      if (!cell.empty()) {
        const double error = operation.time.to_seconds() * 1e3 / std::stod(cell) - 1.0;
        table[name][degree].percent.push_back(100.0 * std::fabs(error));
      }
    }
  }
  return table;
}

TEST(T4Kernels, LinearOperationsOfUnseenShardsAreWithinTheirSpread) {
  const std::string data = TESSERA_DATA_DIR;
  if (data.empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so the T4's kernels were not compared");
    return;
  }
  const std::vector<Row> rows = read_rows(data + "/measured/t4_kernels/llama-2-7b.csv");
  ASSERT_GT(rows.size(), 1000u);
  Table table = score(rows);
  Errors fitted;
  Errors held_out;
  std::printf("%-10s %6s %6s %9s %8s\n", "operation", "degree", "points", "median %", "p95 %");
  for (const auto& [name, degrees] : table) {
    for (const auto& [degree, errors] : degrees) {
      std::printf("%-10s %6lld %6zu %9.2f %8.1f\n", name.c_str(), static_cast<long long>(degree),
                  errors.percent.size(), errors.quantile(0.5), errors.quantile(0.95));
      if (products.contains(name)) {
        (degree == 1 ? fitted : held_out).add(errors);
      }
    }
  }
  std::printf("products, fitted (degree 1): median %.2f %%, p95 %.1f %%\n", fitted.quantile(0.5),
              fitted.quantile(0.95));
  std::printf("products, held out (2, 4, 8): median %.2f %%, p95 %.1f %%\n", held_out.quantile(0.5),
              held_out.quantile(0.95));
  EXPECT_LE(held_out.quantile(0.5), 7.0);
  EXPECT_LE(held_out.quantile(0.95), 25.0);
}

}  // namespace
}  // namespace tessera
