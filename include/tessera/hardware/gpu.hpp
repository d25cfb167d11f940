// One GPU as plain values: what its data sheet says, and what was measured of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// The data sheet's dense peak rates. 0: the card has no such units.
struct PeakRates {
  Flops fp32;
  Flops fp16;
  Flops bf16;
  Flops int8;
  Flops int4;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    const auto rate = at_least(Flops{0.0});
    v.required("fp32", self.fp32, rate, "FP32 peak without tensor cores");
    v.required("fp16", self.fp16, rate, "FP16 peak with FP32 or FP16 accumulation, dense");
    v.field("bf16", self.bf16, rate, "BF16 peak; 0 where the card only emulates it");
    v.field("int8", self.int8, rate, "INT8 peak, dense; 0 where it has none");
    v.field("int4", self.int4, rate, "INT4 peak, dense; 0 where it has none");
  }
};

// How the two roofs of a kernel meet: the greater one, both added, or their q-norm.
enum class RoofRule { norm, max, sum };
template <>
struct EnumNames<RoofRule> {
  static constexpr std::array<std::string_view, 3> names{"norm", "max", "sum"};
};

// The reached shares at one number of tokens, as factors on `compute` and `memory`.
struct EfficiencyPoint {
  Tokens tokens{1};
  double compute = 1.0;
  double memory = 1.0;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.required("tokens", self.tokens, between(Tokens{1}, Tokens{1'000'000'000}), "tokens");
    v.field("compute", self.compute, between(1e-3, 4.0), "factor on the share of compute");
    v.field("memory", self.memory, between(1e-3, 4.0), "factor on the share of bandwidth");
  }
};

// How close a kernel comes to the peaks: an operation of F FLOPs and B bytes takes
//   launch + ((F / (peak·compute))^q + (B / (bandwidth·memory))^q)^(1/q),
// the q-norm of the two roofs: q = 1 adds them, a large q takes the greater one.
struct KernelEfficiency {
  double compute = 0.5;                         // of the peak rate of the compute precision
  double memory = 0.8;                          // of the memory's peak bandwidth
  Duration launch = Duration::microseconds(5);  // a kernel's own intercept
  double norm = 1.0;                            // q above
  // Matrix products work in tiles of this many tokens: above `tile_from` tokens, FLOPs are those of
  // the next whole tile. In attention of new tokens each one computes half a tile of masked pairs.
  Tokens token_tile{1};
  Tokens tile_from{0};
  Duration sequence = Duration{};  // what each sequence adds to a kernel of attention_decode
  RoofRule roofs = RoofRule::norm;
  // The first bytes of an elementwise kernel, up to the GPU's l2_cache, move at this share of the
  // bandwidth. 0: as all others.
  double cached = 0.0;
  // Factors by the tokens of a matrix product; linear between points, constant outside. No point:
  // 1 everywhere.
  std::vector<EfficiencyPoint> by_tokens = {};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("compute", self.compute, between(1e-4, 1.5), "reached share of the compute peak");
    v.field("memory", self.memory, between(1e-4, 1.5), "reached share of the bandwidth peak");
    v.field("launch", self.launch, at_least(Duration{}), "intercept of one kernel");
    v.field("norm", self.norm, between(1.0, 64.0),
            "q of the roofs' q-norm: 1 adds them, a large q takes the greater");
    v.field("token_tile", self.token_tile, between(Tokens{1}, Tokens{1024}),
            "tokens in a tile: FLOPs are those of whole tiles");
    v.field("tile_from", self.tile_from, at_least(Tokens{0}),
            "up to so many tokens smaller kernels serve, and no tile is filled up");
    v.field("sequence", self.sequence, at_least(Duration{}),
            "what each sequence adds to a kernel of attention_decode");
    v.field("roofs", self.roofs, "how the roofs meet: norm (q is `norm`), max or sum");
    v.field("cached", self.cached, between(0.0, 64.0),
            "share of the bandwidth that bytes within l2_cache reach (elementwise kernels); 0: no "
            "cache");
    v.field("by_tokens", self.by_tokens,
            "factors on compute and memory by the tokens of a matrix product, ascending; linear "
            "between points");
  }
};

// Kernels without matrix products, which memory traffic and their launch decide.
struct ElementwiseEfficiency {
  KernelEfficiency norm{0.5, 0.64, Duration::nanoseconds(2550), 64.0};
  KernelEfficiency rope = norm;
  KernelEfficiency activation = norm;
  KernelEfficiency residual = norm;
  KernelEfficiency copy = norm;            // embedding, KV writes and copies, sampling
  KernelEfficiency concat = norm;          // keys and values with one more token, copied
  KernelEfficiency concat_strided = norm;  // the same where new keys and values are not contiguous

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("norm", self.norm, "layer norm, RMS norm");
    v.field("rope", self.rope, "rotary positions");
    v.field("activation", self.activation, "between the matrices of the MLP");
    v.field("residual", self.residual, "additions to the residual stream");
    v.field("copy", self.copy, "embedding, KV writes and copies, sampling");
    v.field("concat", self.concat, "the cache copied with its new token (torch.cat)");
    v.field("concat_strided", self.concat_strided,
            "the same where the new keys and values are not contiguous (GPT-2's fused QKV)");
  }
};

struct GpuSpec {
  std::string name = "custom";
  std::string architecture;        // "Turing"
  std::string compute_capability;  // "7.5"
  std::int64_t tensor_cores = 0;
  std::int64_t cuda_cores = 0;
  std::int64_t multiprocessors = 0;
  PeakRates peak;
  Bytes memory;                // what programs can use of it, with ECC as it is shipped
  std::string memory_type;     // "GDDR6"
  bool ecc = false;            // on as the card is shipped
  Bandwidth memory_bandwidth;  // of the memory's clock: efficiencies are shares of it
  Bytes l2_cache;              // 0: not known, nothing is taken to stay in it
  Bandwidth sheet_bandwidth;   // what the card's sheet prints instead; 0: the same
  std::string pcie;            // "Gen3 x16"
  Bandwidth link_bandwidth;    // to the host, one direction, of the data sheet
  Bandwidth link_measured;     // what copies reach
  Power power;
  double price_per_hour = 0.0;  // US dollars, on demand; 0: not known
  Bytes context_memory;         // driver and CUDA context of one process, outside PyTorch
  // What cuBLAS holds for a handle and a stream: CUBLAS_WORKSPACE_CONFIG's :4096:2:16:8 in KiB;
  // PyTorch gives it 32 MiB from Hopper on, as measured on an H200.
  Bytes cublas_workspace{2 * 4096 * 1024 + 8 * 16 * 1024};
  // Efficiencies by class of operation. The defaults of half-precision products and of elementwise
  // kernels were measured on an H200 inside whole models (products alone are faster: median error
  // 9 %); those of single precision, integers and attention are estimates. For other cards all are
  // a guess.
  KernelEfficiency gemm{0.60, 0.83, Duration::nanoseconds(3460), 3.2};  // fp16, quantised weights
  KernelEfficiency gemm_fp32{0.75, 0.83, Duration::nanoseconds(3460), 3.2};
  KernelEfficiency gemm_int8{0.55, 0.83, Duration::nanoseconds(3460), 3.2};  // integer arithmetic
  KernelEfficiency attention_prefill{0.15, 0.83, Duration::nanoseconds(1800), 64.0, Tokens{128}};
  KernelEfficiency attention_prefill_fp32{0.30, 0.83, Duration::nanoseconds(1800), 64.0,
                                          Tokens{128}};
  KernelEfficiency attention_decode{0.15,      0.90,      Duration::nanoseconds(1800), 64.0,
                                    Tokens{1}, Tokens{0}, Duration::nanoseconds(290)};
  ElementwiseEfficiency elementwise;
  // What it takes to map one physical page behind one address range (cuMemMap and cuMemSetAccess),
  // of 2 MiB and more, and of less. 40 us: vAttention (ASPLOS 2025). 8.6 us: its 7.6 GB/s of
  // allocation in pages of 64 KiB, through a driver of its own.
  Duration page_mapping = Duration::microseconds(40);
  Duration small_page_mapping = Duration::nanoseconds(8600);
  double dequantisation = 0.75;  // reached share of `gemm.memory` when 4-bit weights are unpacked

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("name", self.name, "the name that appears in results");
    v.field("architecture", self.architecture, "the maker's name of the generation");
    v.field("compute_capability", self.compute_capability, "CUDA's");
    v.field("tensor_cores", self.tensor_cores, at_least(std::int64_t{0}), "count");
    v.field("cuda_cores", self.cuda_cores, at_least(std::int64_t{0}), "count");
    v.field("multiprocessors", self.multiprocessors, at_least(std::int64_t{0}), "count");
    v.required("peak", self.peak, "peak rates of the data sheet");
    v.required("memory", self.memory, more_than(Bytes{0}),
               "usable device memory (the total that cudaMemGetInfo and PyTorch report; newer "
               "drivers' nvidia-smi shows more), with ECC as shipped");
    v.field("memory_type", self.memory_type, "kind of memory");
    v.field("ecc", self.ecc, "error correction is on as shipped");
    v.required("memory_bandwidth", self.memory_bandwidth, more_than(Bandwidth{0.0}),
               "peak of the memory's clock and width");
    v.field("l2_cache", self.l2_cache, at_least(Bytes{0}),
            "last cache before the memory; 0 unknown");
    v.field("sheet_bandwidth", self.sheet_bandwidth, at_least(Bandwidth{0.0}),
            "what the card's sheet prints where that differs; 0: the same");
    v.field("pcie", self.pcie, "generation and lanes of the link to the host");
    v.field("link_bandwidth", self.link_bandwidth, at_least(Bandwidth{0.0}),
            "to the host, one direction, peak");
    v.field("link_measured", self.link_measured, at_least(Bandwidth{0.0}),
            "to the host, one direction, reached by copies");
    v.field("power", self.power, at_least(Power{0.0}), "board limit");
    v.field("price_per_hour", self.price_per_hour, at_least(0.0),
            "US dollars on demand; 0 unknown");
    v.field("context_memory", self.context_memory, at_least(Bytes{0}),
            "driver and CUDA context of one process");
    v.field("cublas_workspace", self.cublas_workspace, at_least(Bytes{0}),
            "what cuBLAS holds for its products, part of every step's workspace");
    v.field("gemm", self.gemm, "matrix products in half precision or with quantised weights");
    v.field("gemm_fp32", self.gemm_fp32, "matrix products in single precision");
    v.field("gemm_int8", self.gemm_int8, "matrix products in integer arithmetic");
    v.field("attention_prefill", self.attention_prefill, "attention of new tokens");
    v.field("attention_prefill_fp32", self.attention_prefill_fp32, "the same in single precision");
    v.field("attention_decode", self.attention_decode, "attention of one token a sequence");
    v.field("elementwise", self.elementwise, "kernels without matrix products");
    v.field("page_mapping", self.page_mapping, at_least(Duration{}),
            "to map one page of 2 MiB or more behind an address range");
    v.field("small_page_mapping", self.small_page_mapping, at_least(Duration{}),
            "to map one page of less than 2 MiB");
    v.field("dequantisation", self.dequantisation, between(1e-3, 1.0),
            "share of gemm.memory that is left when 4-bit weights are unpacked");
  }
};

// What contradicts itself in a card whose fields lie in their ranges: a sentence each, in the words
// of the keys. A usable card has none.
[[nodiscard]] std::vector<std::string> contradictions(const GpuSpec& gpu);

}  // namespace tessera
