// Measured kernel tables: what is between the points, what is beyond them, and what a step sums.
#include "tessera/cost/kernel_tables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "sim/cost/kernel_grid.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using namespace cost_fixtures;
using ::testing::HasSubstr;

KernelGrid plane() {
  // 10·x + y on a grid of uneven steps: multilinear interpolation is exact on it.
  std::map<KernelGrid::Point, std::vector<double>> times;
  for (const std::int64_t x : {1, 2, 8}) {
    for (const std::int64_t y : {16, 100}) {
      times[{x, y}] = {10.0 * static_cast<double>(x) + static_cast<double>(y)};
    }
  }
  return {"grid.csv", "attention", {"n", "kv"}, times};
}

double at(const KernelGrid& grid, double x, double y, Outside outside = Outside::refused) {
  return grid.at(std::array{x, y}, outside);
}

TEST(KernelGrid, IsLinearBetweenThePoints) {
  const KernelGrid grid = plane();
  EXPECT_DOUBLE_EQ(at(grid, 1, 16), 26.0);
  EXPECT_DOUBLE_EQ(at(grid, 8, 100), 180.0);
  EXPECT_DOUBLE_EQ(at(grid, 5, 58), 108.0);
  EXPECT_DOUBLE_EQ(at(grid, 1.5, 40), 55.0);
}

TEST(KernelGrid, BelowATileTakesAsLongAsTheTile) {
  EXPECT_DOUBLE_EQ(at(plane(), 2, 3), 36.0);
}

TEST(KernelGrid, BelowAFirstPointAboveATileIsOutside) {
  const KernelGrid grid("g.csv", "x", {"n"}, {{{512}, {5.0}}, {{1024}, {10.0}}});
  EXPECT_THROW((void)grid.at(std::array{511.0}, Outside::refused), BadInput);
  EXPECT_DOUBLE_EQ(grid.at(std::array{8.0}, Outside::extrapolated), 5.0);
}

// The last two points lie in one tile: the line is that of half and whole.
TEST(KernelGrid, TheLineBeyondIsOfTheLastOctaveAndNeverFalls) {
  const KernelGrid grid("g.csv", "x", {"n"},
                        {{{1024}, {100.0}}, {{2032}, {205.0}}, {{2048}, {200.0}}});
  EXPECT_DOUBLE_EQ(grid.at(std::array{4096.0}, Outside::extrapolated), 400.0);
  const KernelGrid falling("g.csv", "x", {"n"}, {{{1024}, {100.0}}, {{2048}, {90.0}}});
  EXPECT_DOUBLE_EQ(falling.at(std::array{65536.0}, Outside::extrapolated), 90.0);
}

TEST(KernelGrid, BeyondTheLastPointIsNamedOrALine) {
  const KernelGrid grid = plane();
  try {
    (void)at(grid, 9, 50);
    FAIL() << "9 was not measured";
  } catch (const BadInput& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("attention at n 9"));
    EXPECT_THAT(refused.what(), HasSubstr("measured from 1 up to 8"));
    EXPECT_THAT(refused.what(), HasSubstr("cost.extrapolate: true"));
  }
  EXPECT_DOUBLE_EQ(at(grid, 10, 200, Outside::extrapolated), 300.0);
}

TEST(KernelGrid, RepeatsAreAveragedAndGapsRefused) {
  const KernelGrid grid("g.csv", "x", {"n"}, {{{1}, {2.0, 4.0}}, {{3}, {7.0}}});
  EXPECT_DOUBLE_EQ(grid.at(std::array{2.0}, Outside::refused), 5.0);
  EXPECT_THROW(KernelGrid("g.csv", "x", {"n", "m"}, {{{1, 1}, {1.0}}, {{2, 2}, {1.0}}}), BadInput);
}

class ServedModel : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path() / name) << text;
  }

  // Every dense layer takes 1 us a token, norms 0.1; 2 us a sequence; attention by its counts.
  void SetUp() override {
    std::string dense = "layer,tokens,time_us\n";
    for (const char* layer :
         {"qkv_proj", "o_proj", "gate_up_proj", "act_fn", "down_proj", "rotary_emb", "embedding"}) {
      dense += std::string(layer) + ",1,1\n" + layer + ",1000,1000\n";
    }
    write("dense.csv", dense +
                           "layernorm,1,0.1\nlayernorm,1000,100\n"
                           "final_layernorm,1,0.5\nfinal_layernorm,1000,500\n");
    write("sequence.csv",
          "layer,sequences,time_us\nlm_head,1,2\nlm_head,10,20\nsampler,1,2\n"
          "sampler,10,20\n");
    std::string attention = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n";
    for (const int chunk : {0, 10, 1000}) {
      for (const int past : {0, 1000}) {
        for (const int decodes : {0, 1, 10}) {
          for (const int context : {16, 1000}) {
            const bool counted =
                (chunk > 0 || past == 0) && (decodes > 0 || context == 16) && chunk + decodes > 0;
            if (counted) {
              const int read = decodes > 0 ? context : 0;
              attention += std::to_string(chunk) + "," + std::to_string(past) + "," +
                           std::to_string(decodes) + "," + std::to_string(read) + "," +
                           std::to_string(chunk + past + decodes + read) + "\n";
            }
          }
        }
      }
    }
    write("attention.csv", attention);
  }

  std::unique_ptr<CostModel> model(bool extrapolate = false) {
    ProfiledCostSpec spec;
    spec.dense = FilePath{"dense.csv"};
    spec.attention = FilePath{"attention.csv"};
    spec.per_sequence = FilePath{"sequence.csv"};
    spec.extrapolate = extrapolate;
    spec.tables = read_kernel_tables(spec, folder_.path().string());
    return make_cost_model(spec, t4(), llama_7b(), PrecisionSpec{});
  }

  TemporaryFolder folder_;
};

TEST_F(ServedModel, AStepIsTheSumOfItsKernelsAndNothingElse) {
  // 8 tokens; 32 layers of six kernels and two norms; embedding, final norm; 8 sequences.
  const std::int64_t layers = 32 * (6 * 8'000'000 + 2 * 800'000);
  const std::int64_t once = 8'000'000 + 4'000'000 + 2 * 16'000'000;
  const std::int64_t attention = 32 * (8 + 512) * 1'000'000LL;
  EXPECT_EQ(model()->step(decode(8, 512)).total(),
            Duration::picoseconds(layers + once + attention));
}

TEST_F(ServedModel, PrefillsEnterAsOneChunkAndDecodesWithTheirMean) {
  // Chunks of 30 and 40 after 100 each: √(30² + 40²) = 50 tokens after (30 + 40)·100/50 = 140.
  StepShape shape = chunk(100, 30, 1);
  const StepShape other = chunk(100, 40, 1);
  shape.prefill_tokens += other.prefill_tokens;
  shape.prefill_sequences = 2;
  shape.prefill_pairs += other.prefill_pairs;
  shape.prefill_squares += other.prefill_squares;
  shape.prefill_context += other.prefill_context;
  const auto attention_us = [&](const StepShape& step) {
    for (const OperationTime& row : model()->operations(step)) {
      if (row.name == "attention") {
        return row.time.to_seconds() * 1e6 / 32;
      }
    }
    return 0.0;
  };
  EXPECT_NEAR(attention_us(shape), 50 + 140, 1e-6);
  shape.decode_sequences = 4;
  shape.decode_context = Tokens{100 + 200 + 300 + 400};
  EXPECT_NEAR(attention_us(shape), 50 + 140 + 4 + 250, 1e-6);
}

TEST_F(ServedModel, ItsOperationsSumToTheStep) {
  const auto cost = model();
  Duration sum;
  for (const OperationTime& row : cost->operations(decode(8, 512))) {
    EXPECT_TRUE(row.name != "residual" && row.name != "kv_write" && row.name != "overhead");
    sum += row.time;
  }
  EXPECT_EQ(sum, cost->step(decode(8, 512)).total());
}

TEST_F(ServedModel, APointOutsideIsNamedUnlessExtrapolated) {
  EXPECT_THROW((void)model()->step(decode(11, 512)), BadInput);
  EXPECT_THROW((void)model()->step(decode(8, 1001)), BadInput);
  EXPECT_GT(model(true)->step(decode(20, 512)).total(), model()->step(decode(10, 512)).total());
}

// They are of whole layers on one GPU.
TEST_F(ServedModel, NoRankOfSeveralTakesItsTimes) {
  ProfiledCostSpec spec;
  spec.dense = FilePath{"dense.csv"};
  spec.tables = read_kernel_tables(spec, folder_.path().string());
  RankPlace place;
  place.shard.degrees.tensor = 2;
  EXPECT_THROW((void)make_cost_model(spec, t4(), llama_7b(), PrecisionSpec{}, place), BadInput);
}

TEST_F(ServedModel, BadTablesAreRefusedWithTheirPlace) {
  const auto refused = [&](const char* text) {
    write("dense.csv", text);
    try {
      (void)model();
    } catch (const BadInput& bad) {
      return std::string(bad.what());
    }
    return std::string("was read");
  };
  EXPECT_THAT(refused("layer,tokens\nqkv_proj,1\n"), HasSubstr("no column 'time_us'"));
  EXPECT_THAT(refused("layer,tokens,time_us\nqkv_proj,1,x\n"), HasSubstr("dense.csv:2"));
  EXPECT_THAT(refused("layer,tokens,time_us\nqkv_proj,1,-3\n"), HasSubstr("above 0"));
  EXPECT_THAT(refused("layer,tokens,time_us\nqkv_prj,1,2\n"), HasSubstr("no layer 'qkv_prj'"));
  EXPECT_THAT(refused("layer,tokens,time_us\nqkv_proj,1.5,2\n"), HasSubstr("whole number"));
  EXPECT_THAT(refused("layer,tokens,time_us\nqkv_proj,1\n"), HasSubstr("3 fields"));
  EXPECT_THAT(refused("layer,tokens,time_us\n"), HasSubstr("at least one row"));
  EXPECT_THAT(refused("layer,tokens,time_us\nqkv_proj,1,2\n"), HasSubstr("no times of out_proj"));
  ProfiledCostSpec nothing;
  EXPECT_THROW((void)read_kernel_tables(nothing, ""), BadInput);
  nothing.linear = FilePath{"missing.csv"};
  EXPECT_THROW((void)read_kernel_tables(nothing, folder_.path().string()), UnreadableFile);
}

}  // namespace
}  // namespace tessera
