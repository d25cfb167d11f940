// Bytes of number formats against layouts that are walked through block by block.
#include <gtest/gtest.h>

#include <array>

#include "tessera/model/precision.hpp"

namespace tessera {
namespace {

struct Shape {
  std::int64_t outputs;
  std::int64_t inputs;
};
// Multiples of every block, and none.
constexpr std::array<Shape, 7> shapes{Shape{4096, 4096}, {11008, 4096}, {1, 1},   {3, 127},
                                      {5, 129},          {7, 33},       {0, 4096}};

// Walks the rows in steps of `block`, adding `block_bytes` for each, full or not.
std::int64_t walk_rows(Shape shape, std::int64_t block, std::int64_t block_bytes) {
  std::int64_t bytes = 0;
  for (std::int64_t row = 0; row < shape.outputs; ++row) {
    for (std::int64_t at = 0; at < shape.inputs; at += block) {
      bytes += block_bytes;
    }
  }
  return bytes;
}

TEST(MatrixBytes, PlainFormats) {
  for (const Shape& shape : shapes) {
    const std::int64_t count = shape.outputs * shape.inputs;
    EXPECT_EQ(matrix_bytes(WeightFormat::fp32, shape.outputs, shape.inputs).count(), 4 * count);
    EXPECT_EQ(matrix_bytes(WeightFormat::fp16, shape.outputs, shape.inputs).count(), 2 * count);
    EXPECT_EQ(matrix_bytes(WeightFormat::bf16, shape.outputs, shape.inputs).count(), 2 * count);
  }
}

TEST(MatrixBytes, Int8HasAScaleForEachOutputRow) {
  for (const Shape& shape : shapes) {
    EXPECT_EQ(matrix_bytes(WeightFormat::int8, shape.outputs, shape.inputs).count(),
              shape.outputs * shape.inputs + 2 * shape.outputs);
  }
}

TEST(MatrixBytes, GgmlBlocks) {
  for (const Shape& shape : shapes) {
    EXPECT_EQ(matrix_bytes(WeightFormat::q8_0, shape.outputs, shape.inputs).count(),
              walk_rows(shape, 32, 34));
    EXPECT_EQ(matrix_bytes(WeightFormat::q4_0, shape.outputs, shape.inputs).count(),
              walk_rows(shape, 32, 18));
  }
}

TEST(MatrixBytes, GroupedInt4) {
  for (const Shape& shape : shapes) {
    const std::int64_t packed = walk_rows(shape, 2, 1);
    const std::int64_t scales = walk_rows(shape, 128, 2);
    const std::int64_t half_bytes_of_zeros = walk_rows(shape, 128, 1);
    const std::int64_t expected = packed + scales + (half_bytes_of_zeros + 1) / 2;
    for (const auto format : {WeightFormat::int4, WeightFormat::awq, WeightFormat::gptq}) {
      EXPECT_EQ(matrix_bytes(format, shape.outputs, shape.inputs).count(), expected);
    }
  }
}

// QLoRA's paper: double quantisation takes 8/64 + 32/(64·256) = 0.127 bits a weight.
TEST(MatrixBytes, Nf4WithDoubleQuantisation) {
  const auto bytes = static_cast<double>(matrix_bytes(WeightFormat::nf4, 4096, 4096).count());
  EXPECT_NEAR(bytes * 8 / (4096.0 * 4096.0) - 4.0, 0.127, 0.0005);
  // 129 weights: 65 bytes of pairs, three blocks, one scale of scales.
  EXPECT_EQ(matrix_bytes(WeightFormat::nf4, 1, 129).count(), 65 + 3 + 4);
  EXPECT_EQ(matrix_bytes(WeightFormat::nf4, 3, 43).count(), 65 + 3 + 4);
  EXPECT_EQ(matrix_bytes(WeightFormat::nf4, 0, 4096).count(), 0);
}

TEST(UnquantisedBytes, SingleOnlyWithSingle) {
  EXPECT_EQ(unquantised_bytes(WeightFormat::fp32), Bytes{4});
  for (const auto format : {WeightFormat::fp16, WeightFormat::bf16, WeightFormat::int8,
                            WeightFormat::int4, WeightFormat::awq, WeightFormat::gptq,
                            WeightFormat::nf4, WeightFormat::q8_0, WeightFormat::q4_0}) {
    EXPECT_EQ(unquantised_bytes(format), Bytes{2}) << name_of(format);
  }
}

TEST(KvBytes, ScalesByHeadGroupAndBlock) {
  EXPECT_EQ(kv_bytes(KvFormat::fp16, 8, 128), Bytes{2048});
  EXPECT_EQ(kv_bytes(KvFormat::fp32, 8, 128), Bytes{4096});
  EXPECT_EQ(kv_bytes(KvFormat::fp8, 8, 128), Bytes{1024});
  EXPECT_EQ(kv_bytes(KvFormat::int8, 8, 128), Bytes{1024 + 8 * 2});
  EXPECT_EQ(kv_bytes(KvFormat::int4, 8, 128), Bytes{512 + 128 * 2});
  EXPECT_EQ(kv_bytes(KvFormat::q8_0, 8, 128), Bytes{32 * 34});
  EXPECT_EQ(kv_bytes(KvFormat::q4_0, 8, 128), Bytes{32 * 18});
}

// Phi-2's heads of 80 are no multiple of 32, its rows of 2,560 are: blocks run through the row.
TEST(KvBytes, BlocksRunThroughTheRowOfAllHeads) {
  EXPECT_EQ(kv_bytes(KvFormat::q8_0, 32, 80), Bytes{80 * 34});
  EXPECT_EQ(kv_bytes(KvFormat::q4_0, 1, 33), Bytes{2 * 18});
  EXPECT_EQ(kv_bytes(KvFormat::int4, 1, 9), Bytes{5 + 2 * 2});
}

TEST(ActivationBytes, SingleOnlyWithSingle) {
  EXPECT_EQ(activation_bytes(ComputeFormat::fp32), Bytes{4});
  EXPECT_EQ(activation_bytes(ComputeFormat::fp16), Bytes{2});
  EXPECT_EQ(activation_bytes(ComputeFormat::bf16), Bytes{2});
  EXPECT_EQ(activation_bytes(ComputeFormat::int8), Bytes{2});
  EXPECT_EQ(activation_bytes(ComputeFormat::int4), Bytes{2});
}

}  // namespace
}  // namespace tessera
