// The KV manager `concat` against recordings of real programs that concatenate their KV cache:
// every counter of PyTorch's allocator after every step, and a whole Hugging Face loop's memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/memory/kv_cache.hpp"
#include "tests/support/decompressed.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;
using namespace literals;

fs::path data_file(const std::string& name) {
  return std::string_view(TESSERA_DATA_DIR).empty() ? fs::path()
                                                    : fs::path(TESSERA_DATA_DIR) / name;
}

std::int64_t number_in(const std::string& cell) {
  return std::stoll(cell);
}

std::vector<std::vector<std::string>> rows_of(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::vector<std::string>& cells = rows.emplace_back();
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, ',');) {
      cells.push_back(field);
    }
  }
  return rows;
}

// A padded batch that grows by a token a step; one row stands for all, as they share tensors.
class GrowingBatch {
 public:
  GrowingBatch(const ConcatKvSpec& spec, std::int64_t tensors, Bytes bytes_per_token)
      : kv_(make_kv_cache(spec, {.bytes = 140_GiB,
                                 .bytes_per_token = bytes_per_token,
                                 .tensors = tensors,
                                 .max_model_len = 8192_tokens})) {}

  void start(Tokens prompt) {
    KvSequence sequence;
    sequence.prompt = prompt;
    sequence.output = 4096_tokens;
    ASSERT_EQ(kv_->admit(sequence, {.entries = prompt}, work_), Grant::ok);
    length_ = prompt;
  }
  void ask_for_a_step() {
    ++length_;
    ASSERT_EQ(kv_->extend(SequenceId{0}, length_, work_), Grant::ok);
  }
  void run() {
    kv_->write(SequenceId{0}, length_ - written_);
    written_ = length_;
  }
  [[nodiscard]] Bytes allocated() const { return kv_->usage().reserved(); }
  [[nodiscard]] Bytes reserved() const { return allocated() + kv_->usage().cached_free; }
  [[nodiscard]] Bytes live() const { return kv_->usage().live; }
  [[nodiscard]] Bytes inactive_split() const { return kv_->usage().inactive_split; }

 private:
  std::unique_ptr<KvCache> kv_;
  KvWork work_;
  Tokens length_{0};
  Tokens written_{0};
};

struct Recording {
  const char* name;
  std::int64_t layers;
  std::int64_t token;  // bytes of a token in one tensor, all rows together
};
constexpr std::array<Recording, 6> recordings{{{"cat_gpt2_small_b1.default", 12, 1536},
                                               {"cat_gpt2_small_b8.default", 12, 12'288},
                                               {"cat_gpt2_small_b8.pow2div4", 12, 12'288},
                                               {"cat_gpt2_xl_b4.default", 48, 12'800},
                                               {"cat_gpt2_xl_b4.expandable", 48, 12'800},
                                               {"cat_llama7b_b1.default", 32, 8192}}};

ConcatKvSpec spec_of(std::string_view name) {
  ConcatKvSpec spec;
  spec.allocator.expandable_segments = name.ends_with("expandable");
  spec.allocator.roundup_power2_divisions = name.ends_with("pow2div4") ? 4 : 0;
  return spec;
}

// op,id,size,addr,ok,requested,allocated,active,reserved,inactive_split,segments,retries
void expect_counters(const GrowingBatch& batch, const std::vector<std::string>& row) {
  ASSERT_EQ(batch.allocated().count(), number_in(row.at(6)));
  ASSERT_EQ(batch.reserved().count(), number_in(row.at(8)));
  ASSERT_EQ(batch.inactive_split().count(), number_in(row.at(9)));
}

TEST(ConcatTraces, EqualPyTorchsCountersAtThePeakAndTheEndOfEveryStep) {
  std::size_t steps = 0;
  for (const Recording& recording : recordings) {
    const fs::path file = data_file("allocator/" + std::string(recording.name) + ".csv.xz");
    if (file.empty() || !fs::exists(file)) {
      std::cout << "[ NO DATA  ] " << recording.name << '\n';
      continue;
    }
    SCOPED_TRACE(recording.name);
    const auto rows = rows_of(test::decompressed_xz(file));
    const std::int64_t tensors = 2 * recording.layers;
    GrowingBatch batch(spec_of(recording.name), tensors, Bytes{recording.token * tensors});
    ASSERT_NO_FATAL_FAILURE(batch.start(Tokens{number_in(rows.at(0).at(2)) / recording.token}));
    batch.run();
    std::size_t at = static_cast<std::size_t>(tensors) - 1;
    ASSERT_NO_FATAL_FAILURE(expect_counters(batch, rows.at(at)));
    while (at + 1 < rows.size()) {
      SCOPED_TRACE("line " + std::to_string(at + 2));
      at += 2 * static_cast<std::size_t>(tensors);
      ASSERT_NO_FATAL_FAILURE(batch.ask_for_a_step());
      ASSERT_NO_FATAL_FAILURE(expect_counters(batch, rows.at(at - 1)));
      batch.run();
      ASSERT_NO_FATAL_FAILURE(expect_counters(batch, rows.at(at)));
      ++steps;
    }
  }
  std::cout << "steps compared: " << steps << '\n';
}

// What the loop holds beyond its weights is the cache, the last logits, and what the allocator
// gives beyond what is asked: at most 1 MiB a tensor. Its activations lie in the same allocator, so
// that what is reserved is more than the cache's own, and is only told here.
// model,batch,prompt,step,weights,allocated,reserved,inactive_split,segments,…
struct Loop {
  const char* model;
  std::int64_t layers;
  std::int64_t token;  // KV bytes
  std::int64_t vocabulary;
};
constexpr std::array<Loop, 2> loops{
    {{"gpt2", 12, 36'864, 50'257}, {"llama-7b", 32, 524'288, 32'000}}};

void compare(const Loop& loop, const std::vector<std::vector<std::string>>& rows) {
  const std::int64_t batch_size = number_in(rows.at(0).at(1));
  GrowingBatch batch({}, 2 * loop.layers, Bytes{loop.token * batch_size});
  ASSERT_NO_FATAL_FAILURE(batch.start(Tokens{number_in(rows.at(0).at(2))}));
  batch.run();
  const std::int64_t weights = number_in(rows.at(0).at(4));
  const std::int64_t logits = batch_size * loop.vocabulary * 2;
  double worst = 0.0;
  std::size_t exact = 0;
  for (const auto& row : rows) {
    if (number_in(row.at(3)) > 0) {
      ASSERT_NO_FATAL_FAILURE(batch.ask_for_a_step());
      batch.run();
    }
    const std::int64_t measured = number_in(row.at(5)) - weights;
    const std::int64_t predicted = batch.live().count() + logits;
    ASSERT_LE(predicted, measured);
    ASSERT_LE(measured, predicted + 2 * loop.layers * (std::int64_t{1} << 20));
    exact += predicted == measured ? 1 : 0;
    worst = std::max(worst, 1.0 - static_cast<double>(predicted) / static_cast<double>(measured));
  }
  EXPECT_LE(worst, 0.04);
  std::cout << loop.model << ": cache and logits against what is allocated beyond weights, "
            << rows.size() << " steps, " << exact << " to the byte, worst " << -100 * worst
            << " %; reserved beyond weights at the end " << batch.reserved().count() << " of "
            << number_in(rows.back().at(6)) - weights << '\n';
}

TEST(ConcatTraces, MakeUpTheMemoryOfAHuggingFaceLoop) {
  const fs::path file = data_file("measured/h200_hf_dynamic_cache_memory.csv");
  if (file.empty() || !fs::exists(file)) {
    std::cout << "[ NO DATA  ] " << file << '\n';
    return;
  }
  std::ifstream in(file);
  const auto rows = rows_of({std::istreambuf_iterator<char>(in), {}});
  for (const Loop& loop : loops) {
    SCOPED_TRACE(loop.model);
    std::vector<std::vector<std::string>> of_model;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(of_model),
                 [&](const auto& row) { return row.at(0) == loop.model; });
    ASSERT_NO_FATAL_FAILURE(compare(loop, of_model));
  }
}

}  // namespace
}  // namespace tessera
