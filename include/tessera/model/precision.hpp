// Number formats of weights, KV cache and arithmetic, with the bytes that their scales take.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"

namespace tessera {

// int8: one fp16 scale an output row. int4, awq, gptq: groups of 128 inputs with fp16 scale and
// 4-bit zero point. nf4: blocks of 64 with a scale that is itself quantised (QLoRA's double
// quantisation). q8_0 and q4_0: llama.cpp's 34 and 18 bytes for 32 weights.
enum class WeightFormat { fp32, fp16, bf16, int8, int4, awq, gptq, nf4, q8_0, q4_0 };
enum class KvFormat { fp32, fp16, bf16, fp8, int8, int4, q8_0, q4_0 };
enum class ComputeFormat { fp32, fp16, bf16, int8, int4 };

template <>
struct EnumNames<WeightFormat> {
  static constexpr std::array<std::string_view, 10> names{"fp32", "fp16", "bf16", "int8", "int4",
                                                          "awq",  "gptq", "nf4",  "q8_0", "q4_0"};
};
template <>
struct EnumNames<KvFormat> {
  static constexpr std::array<std::string_view, 8> names{"fp32", "fp16", "bf16", "fp8",
                                                         "int8", "int4", "q8_0", "q4_0"};
};
template <>
struct EnumNames<ComputeFormat> {
  static constexpr std::array<std::string_view, 5> names{"fp32", "fp16", "bf16", "int8", "int4"};
};

struct PrecisionSpec {
  WeightFormat weights = WeightFormat::fp16;
  KvFormat kv_cache = KvFormat::fp16;
  ComputeFormat compute = ComputeFormat::fp16;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("weights", self.weights,
            "format of the linear layers; embeddings, norms and LM head stay in half precision "
            "(single with fp32)");
    v.field("kv_cache", self.kv_cache, "format of keys and values");
    v.field("compute", self.compute, "arithmetic of the matrix products");
  }
};

// Bytes of a weight matrix of `outputs` x `inputs` in `format`, scales and zero points included.
[[nodiscard]] Bytes matrix_bytes(WeightFormat format, std::int64_t outputs, std::int64_t inputs);

// Bytes of one number that stays unquantised (embeddings, norms, biases, LM head): 4 with fp32,
// else 2.
[[nodiscard]] Bytes unquantised_bytes(WeightFormat format);

// Bytes of one token's keys (or values) in one layer: `kv_heads` heads of `head_size` numbers, with
// scales (int8: one fp16 scale a head; int4: one fp16 scale for 8 numbers, as LightLLM; q8_0, q4_0:
// blocks of 32; fp8: scales a tensor, not counted).
[[nodiscard]] Bytes kv_bytes(KvFormat format, std::int64_t kv_heads, std::int64_t head_size);

// Bytes of one activation number in the arithmetic of `format` (fp32: 4, else 2).
[[nodiscard]] Bytes activation_bytes(ComputeFormat format);

}  // namespace tessera
