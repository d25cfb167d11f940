// The cost model `profiled` on a T4: Vidur's table of Llama-2-7B, the shape of one matrix product
// at one degree of tensor parallelism left out at a time and predicted from the others. What is
// printed beside it, from degree 1 alone, has four shapes to go by.
#include "tests/truth/t4_profiled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/cost/kernel_tables.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

struct Product {
  std::string operation;
  std::string column;
};
const std::vector<Product> products{{"qkv_proj", "time_stats.attn_pre_proj.median"},
                                    {"out_proj", "time_stats.attn_post_proj.median"},
                                    {"mlp_up", "time_stats.mlp_up_proj.median"},
                                    {"mlp_down", "time_stats.mlp_down_proj.median"}};

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  [[nodiscard]] std::size_t column(const std::string& name) const {
    return static_cast<std::size_t>(std::find(header.begin(), header.end(), name) - header.begin());
  }
  [[nodiscard]] std::int64_t count(std::size_t row, const std::string& name) const {
    return std::stoll(rows[row][column(name)]);
  }
  [[nodiscard]] std::int64_t degree(std::size_t row) const {
    return count(row, "num_tensor_parallel_workers");
  }
};

Table read_table() {
  const auto lines =
      lines_of(std::string(TESSERA_DATA_DIR) + "/measured/t4_kernels/llama-2-7b.csv");
  Table table{cells_of(lines.front()), {}};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    table.rows.push_back(cells_of(lines[i]));
  }
  return table;
}

std::string joined(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    line += (line.empty() ? "" : ",") + cell;
  }
  return line + "\n";
}

std::unique_ptr<CostModel> model_of(const Table& table, std::int64_t degree,
                                    const std::string& directory) {
  std::ofstream file(directory + "/linear.csv");
  file << joined(table.header);
  for (const auto& row : table.rows) {
    file << joined(row);
  }
  file.close();
  ProfiledCostSpec spec;
  spec.linear = FilePath{"linear.csv"};
  spec.extrapolate = true;
  spec.tables = read_kernel_tables(spec, directory);
  ModelSpec share = cost_fixtures::llama_7b();
  share.layers = 1;
  share.heads = 32 / degree;
  share.kv_heads = 32 / degree;
  share.head_size = 128;
  share.intermediate = 11008 / degree;
  return make_cost_model(spec, gpu_preset("t4"), share, PrecisionSpec{});
}

using truth::TruthPoint;

// One product at one degree.
std::vector<TruthPoint> points_of(CostModel& cost, const Table& table, const Product& product,
                                  std::int64_t degree) {
  std::vector<TruthPoint> points;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const std::string& cell = table.rows[row][table.column(product.column)];
    if (table.degree(row) != degree || cell.empty()) {
      continue;
    }
    const std::int64_t tokens = table.count(row, "num_tokens");
    for (const OperationTime& operation : cost.operations(cost_fixtures::chunk(0, tokens, 1))) {
      if (operation.name == product.operation) {
        points.push_back({product.operation + " over " + std::to_string(degree) + ", " +
                              std::to_string(tokens) + " tokens",
                          std::stod(cell) * 1e-3, operation.time.to_seconds()});
      }
    }
  }
  return points;
}

double percent(const std::vector<TruthPoint>& points, double fraction) {
  return 100.0 * truth::TruthRow{"", "", "", points}.error_at(fraction);
}

void append(std::vector<TruthPoint>& all, const std::vector<TruthPoint>& some) {
  all.insert(all.end(), some.begin(), some.end());
}

// The product's shape at that degree, predicted without its rows.
std::vector<TruthPoint> held_apart(const Table& table, const Product& product, std::int64_t degree,
                                   const std::string& directory) {
  Table without = table;
  for (std::size_t row = 0; row < without.rows.size(); ++row) {
    if (without.degree(row) == degree) {
      without.rows[row][without.column(product.column)].clear();
    }
  }
  return points_of(*model_of(without, degree, directory), table, product, degree);
}

TEST(T4Profiled, ShapesHeldApartAreWithinTheirSpread) {
  if (std::string(TESSERA_DATA_DIR).empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so the T4's kernel tables were not scored");
    return;
  }
  const Table table = read_table();
  const TemporaryFolder folder;
  const std::string directory = folder.path().string();
  std::vector<TruthPoint> held_out;
  std::vector<TruthPoint> measured;
  std::printf("%-10s %6s %6s %9s %8s\n", "operation", "degree", "points", "median %", "p95 %");
  for (const std::int64_t degree : {2, 4, 8}) {
    append(measured,
           points_of(*model_of(table, degree, directory), table, products.front(), degree));
    for (const Product& product : products) {
      const auto points = held_apart(table, product, degree, directory);
      std::printf("%-10s %6lld %6zu %9.2f %8.1f\n", product.operation.c_str(),
                  static_cast<long long>(degree), points.size(), percent(points, 0.5),
                  percent(points, 0.95));
      append(held_out, points);
    }
  }
  std::printf("held apart, pooled: median %.2f %%, p95 %.1f %%\n", percent(held_out, 0.5),
              percent(held_out, 0.95));
  EXPECT_LE(percent(held_out, 0.5), 5.0);
  EXPECT_LE(percent(held_out, 0.95), 22.0);
  // A shape that is in the table is what was measured; only repeats of a point are averaged.
  EXPECT_LE(percent(measured, 0.95), 0.1);
}

TEST(T4Profiled, OtherDegreesFromTheFirstAlone) {
  if (std::string(TESSERA_DATA_DIR).empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so the T4's kernel tables were not scored");
    return;
  }
  const Table table = read_table();
  const TemporaryFolder folder;
  Table first = table;
  std::erase_if(first.rows, [&](const auto& row) {
    return row[table.column("num_tensor_parallel_workers")] != "1";
  });
  std::vector<TruthPoint> points;
  for (const std::int64_t degree : {2, 4, 8}) {
    const auto cost = model_of(first, degree, folder.path().string());
    for (const Product& product : products) {
      append(points, points_of(*cost, table, product, degree));
    }
  }
  std::printf("from degree 1 alone: median %.2f %%, p95 %.1f %%\n", percent(points, 0.5),
              percent(points, 0.95));
  EXPECT_LE(percent(points, 0.5), 7.0);
  EXPECT_LE(percent(points, 0.95), 25.0);
}

}  // namespace

truth::TruthRow truth::t4_profiled_row() {
  const Table table = read_table();
  const TemporaryFolder folder;
  TruthRow row{"T4 kernels", "matrix products (profiled)", "shapes held apart", {}};
  for (const std::int64_t degree : {2, 4, 8}) {
    for (const Product& product : products) {
      append(row.points, held_apart(table, product, degree, folder.path().string()));
    }
  }
  return row;
}

}  // namespace tessera
