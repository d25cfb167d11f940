// Measured kernel times, as the cost model `profiled` reads them. Four CSV files, each optional;
// columns in any order, others ignored; an empty time is a point that was not measured.
//
//   dense         layer, tokens, time_us: one call of a layer on so many tokens. Layers: embedding,
//                 layernorm (each one of a layer's), qkv_proj, rotary_emb, o_proj, gate_up_proj,
//                 act_fn, down_proj, final_layernorm. What is not listed is part of another kernel.
//   attention     prefill_chunk, kv_prefill, n_decode, kv_decode, time_us: attention of one layer
//                 for a chunk of a prefill after kv_prefill tokens together with n_decode decodes
//                 of kv_decode tokens each. Three full grids: prefills alone (n_decode 0), decodes
//                 alone (prefill_chunk 0), both together.
//   per_sequence  layer (lm_head, sampler), sequences, time_us.
//                 These three are the kernel tables of LLMServingSim's vLLM profiler.
//   linear        Vidur's profile of a layer's linear and elementwise operations: num_tokens,
//                 num_tensor_parallel_workers, n_head, n_kv_head, n_embd, n_expanded_embd,
//                 use_gated_mlp, and time_stats.NAME.median in milliseconds for NAME of emb,
//                 input_layernorm, post_attention_layernorm, attn_pre_proj, attn_rope,
//                 attn_post_proj, mlp_up_proj, mlp_act, mlp_down_proj, add.
#pragma once

#include <memory>
#include <string>

#include "tessera/cost/cost_specs.hpp"

namespace tessera {

class KernelTables;

// The tables that `spec` names, relative to `directory`. Throws UnreadableFile for a missing one,
// BadInput with the line of what is wrong, also where `spec` names none.
[[nodiscard]] std::shared_ptr<const KernelTables> read_kernel_tables(const ProfiledCostSpec& spec,
                                                                     const std::string& directory);

}  // namespace tessera
