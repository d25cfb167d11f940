// What an engine makes of a GPU: the kernels that it runs, and the time that it adds to theirs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// An operation that an engine runs as several kernels where another has one.
struct KernelSplit {
  std::int64_t kernels = 1;  // launched for each one of the fused operation
  double traffic = 1.0;      // bytes moved, as a multiple of the fused operation's

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("kernels", self.kernels, between(std::int64_t{1}, std::int64_t{64}),
            "kernels launched for each one of the fused operation");
    v.field("traffic", self.traffic, between(1.0, 64.0), "bytes moved, as a multiple of its");
  }
};

// By operation; all one kernel where an engine fuses them.
struct KernelSplits {
  KernelSplit layer_norm;
  KernelSplit rms_norm;
  KernelSplit rope;
  KernelSplit gated_activation;
  KernelSplit gelu_tanh;  // GPT-2's activation; others of a plain MLP are one kernel everywhere

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("layer_norm", self.layer_norm, "a layer norm");
    v.field("rms_norm", self.rms_norm, "an RMS norm");
    v.field("rope", self.rope, "rotary positions of queries and keys");
    v.field("gated_activation", self.gated_activation, "the activation of a gated MLP");
    v.field("gelu_tanh", self.gelu_tanh, "the tanh form of GELU, in a plain MLP");
  }
};

// merged: one matrix product for Q, K and V, one for gate and up. separate: one each, unless the
// model's own checkpoint holds Q, K and V as one matrix.
enum class Projections { merged, separate };
template <>
struct EnumNames<Projections> {
  static constexpr std::array<std::string_view, 2> names{"merged", "separate"};
};

// softmax: logits to single precision, softmax, a draw. greedy: one pass that takes the largest.
enum class Sampling { softmax, greedy };
template <>
struct EnumNames<Sampling> {
  static constexpr std::array<std::string_view, 2> names{"softmax", "greedy"};
};

// What stands between the products of integer arithmetic. half: each one's input is quantised as it
// is read, and its output written in half precision. integer: 8-bit numbers throughout, residual
// stream and attention included, so that half as many bytes move.
enum class Activations { half, integer };
template <>
struct EnumNames<Activations> {
  static constexpr std::array<std::string_view, 2> names{"half", "integer"};
};

// CUDA graphs of decode steps, one for each of the batch sizes 1, 2, 4, 8, 16, 24, … up to the most
// sequences that the engine runs at once; larger batches are launched kernel by kernel. They are
// captured after the KV pool has taken its share, and live beside it.
// What one takes was published for Llama-3.1-8B, 32 layers, size by size (vLLM's pull requests
// 22897 and 23184): 6 to 8 MiB up to 272 tokens, 24 to 28 MiB above. Totals of others: 0.13 GiB for
// 35 sizes and 28 layers, 0.21 GiB for 35 and 16, so that a model may take half or twice of this.
struct CudaGraphs {
  std::int64_t largest = 512;
  std::int64_t small_up_to = 272;
  Bytes small{std::int64_t{208} * 1024};  // of a graph, for each layer
  Bytes large{std::int64_t{832} * 1024};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("largest", self.largest, between(std::int64_t{1}, std::int64_t{1'000'000}),
            "the largest batch that is captured");
    v.field("small_up_to", self.small_up_to, between(std::int64_t{0}, std::int64_t{1'000'000}),
            "the largest batch whose graph counts as small");
    v.field("small", self.small, at_least(Bytes{0}), "memory of a small graph, for each layer");
    v.field("large", self.large, at_least(Bytes{0}), "memory of a larger graph, for each layer");
  }
  // For each layer, all graphs of an engine that runs so many sequences at once.
  [[nodiscard]] Bytes bytes_a_layer(std::int64_t max_num_seqs) const;
};

// The defaults are those of the preset vllm_cuda_graphs.
struct EngineOverheads {
  std::string name = "vllm_cuda_graphs";
  Duration step = Duration::microseconds(1500);
  Duration sequence = Duration::microseconds(5);
  // The host's time to launch one kernel; 0 where a CUDA graph launches all. Launches run ahead of
  // the GPU: a step waits for them only where its kernels are shorter.
  Duration launch;
  double intercepts = 1.0;
  // How fast the products and the attention of new tokens are, and on which GPUs: elsewhere the
  // factors are 1.
  double prefill = 1.0;
  double prefill_attention = 0.03;
  // `prefill` of products with AWQ weights, where the kernel unpacks them as it multiplies; none:
  // not measured, and priced as other products.
  std::optional<double> prefill_awq;
  std::string prefill_architecture = "Turing";
  std::optional<double> dequantisation;
  Projections projections = Projections::merged;
  Sampling sampling = Sampling::softmax;
  Activations activations = Activations::half;
  KernelSplits splits;
  // How the engine keeps its cache where no KV manager runs: `explain` and `calibrate` price single
  // steps. In a run `engine.kv_cache` decides.
  bool concatenates = false;
  std::optional<CudaGraphs> cuda_graphs = CudaGraphs{};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("name", self.name, "the name that appears in results");
    v.field("step", self.step, at_least(Duration{}),
            "the engine's own time a step (scheduling, input preparation)");
    v.field("sequence", self.sequence, at_least(Duration{}),
            "the engine's own time a sequence of a step (sampling, detokenising)");
    v.field("launch", self.launch, at_least(Duration{}),
            "the host's time to launch a kernel, hidden where kernels are longer; 0: CUDA graphs");
    v.field("intercepts", self.intercepts, between(0.0, 4.0),
            "factor on the intercepts of the GPU's kernels");
    v.field("prefill", self.prefill, between(0.01, 4.0),
            "factor on the GPU's half-precision rates for the matrix products of prefills");
    v.field("prefill_attention", self.prefill_attention, between(0.001, 4.0),
            "the same for their attention");
    v.field("prefill_awq", self.prefill_awq, between(0.001, 4.0),
            "the factor of products with AWQ weights, in place of `prefill`; null: not measured, "
            "and priced as others");
    v.field("prefill_architecture", self.prefill_architecture,
            "the GPUs on which these hold, as their `architecture` says; empty: all");
    v.field("dequantisation", self.dequantisation, between(1e-3, 1.0),
            "share of gemm.memory that is left when 4-bit weights are unpacked; null: the GPU's");
    v.field("projections", self.projections, "matrix products for Q, K, V and for gate, up");
    v.field("sampling", self.sampling, "how the next token is chosen");
    v.field("activations", self.activations,
            "between products of integer arithmetic: half precision, or integers throughout");
    v.field("splits", self.splits, "operations that the engine runs as several kernels");
    v.field(
        "concatenates", self.concatenates,
        "explain: a decode copies the cache with its new token; a run's kv_cache says it itself");
    v.field("cuda_graphs", self.cuda_graphs,
            "memory of captured decode steps, where the engine is not the model's own code; null: "
            "none are captured");
  }
};

}  // namespace tessera
