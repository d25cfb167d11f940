// The KV cache by concatenation, against numbers worked out by hand for PyTorch's allocator.
#include <gtest/gtest.h>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

using namespace literals;

constexpr Bytes gpt2_token{36'864};       // 12 layers · 2 · 768 · 2 bytes
constexpr Bytes opt_6_7b_token{524'288};  // 32 layers · 2 · 4096 · 2 bytes

// A batch of equal rows whose tensors grow by a token a step.
class Batch {
 public:
  Batch(const ConcatKvSpec& spec, Bytes bytes_per_token, std::int64_t layers, std::int64_t rows,
        Bytes pool = 14_GiB)
      : bytes_per_token_(bytes_per_token), rows_(rows) {
    kv_ = make_kv_cache(spec, {.bytes = pool,
                               .bytes_per_token = bytes_per_token,
                               .tensors = 2 * layers,
                               .max_model_len = 4096_tokens});
  }

  Grant open(Tokens prompt) {
    Grant grant = Grant::ok;
    for (std::uint32_t id = 0; id < rows_ && grant == Grant::ok; ++id) {
      KvSequence sequence;
      sequence.id = SequenceId{id};
      sequence.prompt = prompt;
      sequence.output = 2000_tokens;
      grant = kv_->admit(sequence, {.entries = prompt, .rows = rows_}, work_);
    }
    length_ = prompt;
    return grant;
  }
  // The step's memory has been asked for, but it has not run.
  Grant grow() {
    Grant grant = Grant::ok;
    ++length_;
    for (std::uint32_t id = 0; id < rows_ && grant == Grant::ok; ++id) {
      grant = kv_->extend(SequenceId{id}, length_, work_);
    }
    return grant;
  }
  void run() {
    for (std::uint32_t id = 0; id < rows_; ++id) {
      kv_->write(SequenceId{id}, length_ - written_);
    }
    written_ = length_;
  }
  void grow_to(Tokens length) {
    while (length_ < length) {
      ASSERT_EQ(grow(), Grant::ok);
      run();
    }
    kv_->audit();
  }
  void release() {
    for (std::uint32_t id = 0; id < rows_; ++id) {
      kv_->release(SequenceId{id});
    }
    length_ = written_ = 0_tokens;
  }

  [[nodiscard]] Bytes allocated() const { return kv_->usage().reserved(); }
  [[nodiscard]] Bytes reserved() const { return allocated() + kv_->usage().cached_free; }
  [[nodiscard]] KvUsage usage() const { return kv_->usage(); }
  [[nodiscard]] Bytes copied() const { return work_.copied; }
  [[nodiscard]] const KvCache& kv() const { return *kv_; }

 private:
  Bytes bytes_per_token_;
  std::int64_t rows_;
  std::unique_ptr<KvCache> kv_;
  KvWork work_;
  Tokens length_{0};
  Tokens written_{0};
};

TEST(ConcatKv, HoldsOneOldTensorAtThePeakOfAStep) {
  Batch batch({}, gpt2_token, 12, 1);
  batch.open(32_tokens);
  EXPECT_EQ(batch.reserved(), 2'097'152_bytes);
  batch.run();
  EXPECT_EQ(batch.usage().live, gpt2_token * 32);
  ASSERT_EQ(batch.grow(), Grant::ok);
  EXPECT_EQ(batch.allocated(), 1'265'664_bytes);
  EXPECT_EQ(batch.usage().duplicate, Bytes{1536 * 32});
  EXPECT_EQ(batch.usage().reserved_future, gpt2_token);
  batch.run();
  EXPECT_EQ(batch.allocated(), gpt2_token * 33);
}

TEST(ConcatKv, HoldsAllOldTensorsInTheFormOfTuples) {
  ConcatKvSpec tuples;
  tuples.form = CacheForm::tuple;
  Batch batch(tuples, gpt2_token, 12, 1);
  batch.open(32_tokens);
  batch.run();
  ASSERT_EQ(batch.grow(), Grant::ok);
  EXPECT_EQ(batch.allocated(), 2'396'160_bytes);
  batch.run();
  EXPECT_EQ(batch.allocated(), gpt2_token * 33);
}

TEST(ConcatKv, CrossesIntoTheLargePoolAtOneMebibyteATensor) {
  Batch batch({}, gpt2_token, 12, 1);
  batch.open(32_tokens);
  batch.run();
  batch.grow_to(682_tokens);
  EXPECT_EQ(batch.allocated(), 25'141'248_bytes);
  EXPECT_EQ(batch.reserved(), 27'262'976_bytes);  // 13 segments of 2 MiB
  batch.grow_to(683_tokens);
  EXPECT_EQ(batch.reserved(), 69'206'016_bytes);  // and two of 20 MiB
  batch.grow_to(684_tokens);
  EXPECT_EQ(batch.allocated(), 37'775'360_bytes);
  EXPECT_EQ(batch.usage().live, 25'214'976_bytes);
  EXPECT_EQ(batch.usage().rounding, 37'775'360_bytes - 25'214'976_bytes);
  batch.grow_to(685_tokens);
  EXPECT_EQ(batch.reserved(), 90'177'536_bytes);
}

TEST(ConcatKv, CopiesTheWholeCacheEveryStep) {
  Batch batch({}, gpt2_token, 12, 1);
  batch.open(32_tokens);
  batch.run();
  batch.grow_to(1031_tokens);  // the thousandth
  EXPECT_EQ(batch.copied(), 19'593'216'000_bytes);
}

TEST(ConcatKv, AbandonsAGenerationOfSegmentsEveryTwoMebibytesOfGrowth) {
  Batch batch({}, opt_6_7b_token, 32, 8);
  batch.open(512_tokens);
  batch.run();
  EXPECT_EQ(batch.reserved(), 2'147'483'648_bytes);
  batch.grow_to(513_tokens);
  EXPECT_EQ(batch.reserved(), 4'429'185'024_bytes);
  batch.grow_to(514_tokens);
  EXPECT_EQ(batch.reserved(), 4'464'836'608_bytes);
  batch.grow_to(544_tokens);
  EXPECT_EQ(batch.reserved(), 4'464'836'608_bytes);
  batch.grow_to(545_tokens);
  EXPECT_EQ(batch.reserved(), 6'880'755'712_bytes);
}

TEST(ConcatKv, ExpandableSegmentsKeepLittleThatIsNotAllocated) {
  Bytes idle_by_default{0};
  Bytes idle_when_expandable{0};
  for (const bool expandable : {false, true}) {
    ConcatKvSpec spec;
    spec.allocator.expandable_segments = expandable;
    Batch batch(spec, opt_6_7b_token, 32, 4);
    batch.open(512_tokens);
    batch.run();
    batch.grow_to(900_tokens);
    (expandable ? idle_when_expandable : idle_by_default) = batch.usage().cached_free;
  }
  EXPECT_GT(idle_by_default, 1_GiB);
  EXPECT_LT(idle_when_expandable, 100_MiB);
}

}  // namespace
}  // namespace tessera
