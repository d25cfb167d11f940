// The bytes of number formats; precision.hpp says where each layout comes from.
#include "tessera/model/precision.hpp"

namespace tessera {
namespace {

constexpr std::int64_t half = 2;
// Inputs that share a scale and a zero point.
constexpr std::int64_t group = 128;
// nf4: weights that share an 8-bit scale, and blocks whose scales share one in fp32.
constexpr std::int64_t nf4_block = 64;
constexpr std::int64_t nf4_nested = 256;
// ggml: numbers in a block, and its bytes.
constexpr std::int64_t ggml_block = 32;
constexpr std::int64_t q8_block_bytes = 34;
constexpr std::int64_t q4_block_bytes = 18;
// LightLLM's int4 cache: numbers that share a scale.
constexpr std::int64_t kv_int4_group = 8;

constexpr std::int64_t pieces(std::int64_t whole, std::int64_t piece) {
  return (whole + piece - 1) / piece;
}

constexpr std::int64_t grouped_int4_bytes(std::int64_t outputs, std::int64_t inputs) {
  const std::int64_t groups = outputs * pieces(inputs, group);
  return outputs * pieces(inputs, 2) + half * groups + pieces(groups, 2);
}

constexpr std::int64_t nf4_bytes(std::int64_t weights) {
  const std::int64_t blocks = pieces(weights, nf4_block);
  return pieces(weights, 2) + blocks + 4 * pieces(blocks, nf4_nested);
}

std::int64_t matrix_byte_count(WeightFormat format, std::int64_t outputs, std::int64_t inputs) {
  switch (format) {
    case WeightFormat::fp32:
      return 4 * outputs * inputs;
    case WeightFormat::fp16:
    case WeightFormat::bf16:
      return half * outputs * inputs;
    case WeightFormat::int8:
      return outputs * (inputs + half);
    case WeightFormat::int4:
    case WeightFormat::awq:
    case WeightFormat::gptq:
      return grouped_int4_bytes(outputs, inputs);
    case WeightFormat::nf4:
      return nf4_bytes(outputs * inputs);
    case WeightFormat::q8_0:
      return outputs * pieces(inputs, ggml_block) * q8_block_bytes;
    case WeightFormat::q4_0:
      return outputs * pieces(inputs, ggml_block) * q4_block_bytes;
  }
  return 0;
}

std::int64_t kv_byte_count(KvFormat format, std::int64_t kv_heads, std::int64_t head_size) {
  const std::int64_t numbers = kv_heads * head_size;
  switch (format) {
    case KvFormat::fp32:
      return 4 * numbers;
    case KvFormat::fp16:
    case KvFormat::bf16:
      return half * numbers;
    case KvFormat::fp8:
      return numbers;
    case KvFormat::int8:
      return numbers + half * kv_heads;
    case KvFormat::int4:
      return pieces(numbers, 2) + half * pieces(numbers, kv_int4_group);
    case KvFormat::q8_0:
      return pieces(numbers, ggml_block) * q8_block_bytes;
    case KvFormat::q4_0:
      return pieces(numbers, ggml_block) * q4_block_bytes;
  }
  return 0;
}

}  // namespace

Bytes matrix_bytes(WeightFormat format, std::int64_t outputs, std::int64_t inputs) {
  return Bytes{matrix_byte_count(format, outputs, inputs)};
}

Bytes unquantised_bytes(WeightFormat format) {
  return Bytes{format == WeightFormat::fp32 ? 4 : half};
}

Bytes kv_bytes(KvFormat format, std::int64_t kv_heads, std::int64_t head_size) {
  return Bytes{kv_byte_count(format, kv_heads, head_size)};
}

Bytes activation_bytes(ComputeFormat format) {
  return Bytes{format == ComputeFormat::fp32 ? 4 : half};
}

}  // namespace tessera
