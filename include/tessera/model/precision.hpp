// Number formats of weights, KV cache and arithmetic, with the bytes that their scales take.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"

namespace tessera {

// How the weights of a linear layer are stored, and what its scales add to a row of `i` inputs:
//   fp32, fp16, bf16  4·i or 2·i bytes
//   int8              i + 2: one fp16 scale an output row, symmetric (LLM.int8(), Dettmers et al.
//                     2022; SmoothQuant's and TensorRT-LLM's per-channel weights)
//   int4, awq, gptq   i/2 + 2.5 a group of 128 inputs: an fp16 scale and a 4-bit zero point (GPTQ,
//                     Frantar et al. 2022; AWQ, Lin et al. 2023; group size 128 in what is
//                     published). GPTQ files that order groups by activation also carry an int32
//                     index an input; it is not counted, since engines drop it where the order is
//                     plain.
//   nf4               i/2 + 1 a block of 64 weights + 4 for 256 such blocks: the block's scale in 8
//                     bits, and the scale of those (QLoRA's double quantisation, Dettmers et al.
//                     2023: 0.127 bits a weight). Blocks run through the whole matrix. The tables
//                     of the code, about 1 KiB a matrix, are not counted.
//   q8_0, q4_0        34 and 18 bytes a block of 32 weights of a row: 32 numbers and an fp16 scale
//                     (ggml's block_q8_0 and block_q4_0)
// A last group or block that is not full takes its whole scale. llama.cpp's own files quantise
// embeddings and LM head as well; here they stay in half precision in every format.
enum class WeightFormat { fp32, fp16, bf16, int8, int4, awq, gptq, nf4, q8_0, q4_0 };

// How keys and values are stored: see kv_bytes().
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

// Bytes of one token's keys (or values) in one layer: n = kv_heads·head_size numbers, with scales:
//   fp32, fp16, bf16  4·n or 2·n
//   fp8               n: its scales are one a tensor, not counted (vLLM)
//   int8              n + 2·kv_heads: one fp16 scale a head (LightLLM)
//   int4              n/2 + 2·(n/8): one fp16 scale for 8 numbers (LightLLM), so 37.5 % of fp16
//   q8_0, q4_0        34 or 18 for each 32 numbers of the row (llama.cpp)
[[nodiscard]] Bytes kv_bytes(KvFormat format, std::int64_t kv_heads, std::int64_t head_size);

// Bytes of one activation number in the arithmetic of `format` (fp32: 4, else 2).
[[nodiscard]] Bytes activation_bytes(ComputeFormat format);

}  // namespace tessera
