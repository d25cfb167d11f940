// A forward pass of Hugging Face, by the closed forms that were found on the side.
#include "tessera/memory/forward_pass.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using cost_fixtures::gpt2;
using cost_fixtures::llama_7b;

std::int64_t peak(const ModelSpec& model, const ForwardPass& pass) {
  return forward_memory(model, {}, pass).peak.count();
}

// 512 bytes are the least that a tensor takes: small ones come to more than their formula.
constexpr std::int64_t small_tensors = 16 * 512;

ModelSpec small_gpt2() {
  ModelSpec model = gpt2();
  model.activation = ActivationKind::gelu_tanh;
  return model;
}

TEST(ForwardPass, APrefillOfGpt2HoldsItsCacheAndFourHiddenLayersOfTheMlp) {
  // 4·h·l·T + 42·h·T + (2h + 8)·s with h 768, l 12, T = s = 128.
  const std::int64_t formula = 4 * 768 * 12 * 128 + 42 * 768 * 128 + (2 * 768 + 8) * 128;
  const std::int64_t found = peak(small_gpt2(), {.batch = 1, .new_tokens = Tokens{128}});
  EXPECT_GE(found, formula);
  EXPECT_LE(found, formula + small_tensors);
}

TEST(ForwardPass, APrefillOfLlamaHoldsThreeOfItsMlp) {
  // 4·h·l·T + 8·h·T + 6·f·T + (4d + 8)·s
  const std::int64_t tokens = 512;
  const std::int64_t formula =
      (4 * 4096 * 32 + 8 * 4096 + 6 * 11008) * tokens + (4 * 128 + 8) * tokens;
  const std::int64_t found = peak(llama_7b(), {.batch = 1, .new_tokens = Tokens{tokens}});
  EXPECT_GE(found, formula);
  EXPECT_LE(found, formula + small_tensors);
}

TEST(ForwardPass, EagerAttentionAddsItsMatrices) {
  // Beside the cache 8·b·H·s² + 2·b·s² + 8·h·T + (4d + 8)·s.
  const std::int64_t s = 2048;
  const std::int64_t formula =
      4 * 4096 * 32 * s + 8 * 32 * s * s + 2 * s * s + 8 * 4096 * s + (4 * 128 + 8) * s;
  const ForwardPass pass{.batch = 1,
                         .new_tokens = Tokens{s},
                         .context = Tokens{0},
                         .attention = AttentionKernel::eager};
  EXPECT_GE(peak(llama_7b(), pass), formula);
  EXPECT_LE(peak(llama_7b(), pass), formula + 2 * small_tensors);
}

TEST(ForwardPass, AllLogitsAreTheGreatestOfASmallModel) {
  // 2·V·T for 512 tokens ends within 1 MiB of a segment's end, which stays with it: 50 MiB.
  const std::int64_t kept = 4 * 768 * 12 * 512;
  const ForwardPass pass{.batch = 1, .new_tokens = Tokens{512}, .logits = LogitsOf::all};
  EXPECT_EQ(peak(small_gpt2(), pass) / 100'000, (kept + (50 << 20) + 2 * 768 * 512) / 100'000);
}

TEST(ForwardPass, ADecodeHoldsOneTensorOfTheCacheTwice) {
  // 2·h·b·(c + 1) + 12·h·b; no growth, since both lengths take 32 MiB segments.
  const ForwardPass pass{.batch = 8, .new_tokens = Tokens{1}, .context = Tokens{511}};
  const std::int64_t formula = 2 * 4096 * 8 * 512 + 12 * 4096 * 8;
  EXPECT_GE(peak(llama_7b(), pass), formula);
  EXPECT_LE(peak(llama_7b(), pass), formula + small_tensors);
}

TEST(ForwardPass, WhatStaysIsTheNewCacheAndTheLogits) {
  const ForwardMemory memory =
      forward_memory(llama_7b(), {}, {.batch = 4, .new_tokens = Tokens{128}});
  EXPECT_EQ(memory.held_after, Bytes{4 * 4096 * 32 * 512 + 2 * 32000 * 4});
}

TEST(ForwardPass, SharedHeadsOfKeysAreRepeatedForEagerAttention) {
  ModelSpec shared = llama_7b();
  shared.kv_heads = 8;
  ForwardPass pass{.batch = 1,
                   .new_tokens = Tokens{1024},
                   .context = Tokens{0},
                   .attention = AttentionKernel::eager};
  const std::int64_t formula = 4 * 1024 * 32 * 1024 + 8 * 32 * 1024 * 1024 + 2 * 1024 * 1024 +
                               8 * 4096 * 1024 + 4 * 4096 * 1024 + (4 * 128 + 8) * 1024;
  EXPECT_NEAR(static_cast<double>(peak(shared, pass)), static_cast<double>(formula), 1e5);
}

}  // namespace
}  // namespace tessera
