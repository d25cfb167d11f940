// The cost model `profiled` on a T4: Vidur's table of Llama-2-7B, the shape of one matrix product
// at one degree of tensor parallelism left out at a time and predicted from the others. What is
// printed beside it, from degree 1 alone, has four shapes to go by.
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

// Percent, of one product at one degree.
std::vector<double> errors_of(CostModel& cost, const Table& table, const Product& product,
                              std::int64_t degree) {
  std::vector<double> errors;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const std::string& cell = table.rows[row][table.column(product.column)];
    if (table.degree(row) != degree || cell.empty()) {
      continue;
    }
    const StepShape shape = cost_fixtures::chunk(0, table.count(row, "num_tokens"), 1);
    for (const OperationTime& operation : cost.operations(shape)) {
      if (operation.name == product.operation) {
        errors.push_back(100.0 *
                         std::fabs(operation.time.to_seconds() * 1e3 / std::stod(cell) - 1.0));
      }
    }
  }
  return errors;
}

double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(fraction * static_cast<double>(values.size() - 1))];
}

void append(std::vector<double>& all, const std::vector<double>& some) {
  all.insert(all.end(), some.begin(), some.end());
}

TEST(T4Profiled, ShapesHeldApartAreWithinTheirSpread) {
  if (std::string(TESSERA_DATA_DIR).empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so the T4's kernel tables were not scored");
    return;
  }
  const Table table = read_table();
  const TemporaryFolder folder;
  std::vector<double> held_out;
  std::vector<double> measured;
  std::printf("%-10s %6s %6s %9s %8s\n", "operation", "degree", "points", "median %", "p95 %");
  for (const std::int64_t degree : {2, 4, 8}) {
    append(measured, errors_of(*model_of(table, degree, folder.path().string()), table,
                               products.front(), degree));
    for (const Product& product : products) {
      Table without = table;
      for (std::size_t row = 0; row < without.rows.size(); ++row) {
        if (without.degree(row) == degree) {
          without.rows[row][without.column(product.column)].clear();
        }
      }
      const auto cost = model_of(without, degree, folder.path().string());
      const auto errors = errors_of(*cost, table, product, degree);
      std::printf("%-10s %6lld %6zu %9.2f %8.1f\n", product.operation.c_str(),
                  static_cast<long long>(degree), errors.size(), quantile(errors, 0.5),
                  quantile(errors, 0.95));
      append(held_out, errors);
    }
  }
  std::printf("held apart, pooled: median %.2f %%, p95 %.1f %%\n", quantile(held_out, 0.5),
              quantile(held_out, 0.95));
  EXPECT_LE(quantile(held_out, 0.5), 5.0);
  EXPECT_LE(quantile(held_out, 0.95), 22.0);
  // A shape that is in the table is what was measured; only repeats of a point are averaged.
  EXPECT_LE(quantile(measured, 0.95), 0.1);
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
  std::vector<double> errors;
  for (const std::int64_t degree : {2, 4, 8}) {
    const auto cost = model_of(first, degree, folder.path().string());
    for (const Product& product : products) {
      append(errors, errors_of(*cost, table, product, degree));
    }
  }
  std::printf("from degree 1 alone: median %.2f %%, p95 %.1f %%\n", quantile(errors, 0.5),
              quantile(errors, 0.95));
  EXPECT_LE(quantile(errors, 0.5), 7.0);
  EXPECT_LE(quantile(errors, 0.95), 25.0);
}

}  // namespace
}  // namespace tessera
