// Which policies and KV managers combine follows from what each says of itself.
#include <gtest/gtest.h>

#include <set>

#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

std::set<std::string> partners_of(const PolicySpec& policy) {
  PagedKvSpec single;
  single.block_size = Tokens{1};
  PagedKvSpec caching;
  caching.prefix_caching = true;
  PagedKvSpec for_life;
  for_life.reserve = BlockReserve::max_model_len;
  const std::vector<std::pair<std::string, KvCacheSpec>> managers{
      {"paged", PagedKvSpec{}},
      {"paged 1", single},
      {"paged caching", caching},
      {"paged for life", for_life},
      {"contiguous", ContiguousKvSpec{}},
      {"token", TokenKvSpec{}},
      {"radix", RadixKvSpec{}},
      {"tensorrt_llm", TensorRtLlmKvSpec{}},
      {"tgi", TgiKvSpec{}}};
  std::set<std::string> partners;
  for (const auto& [name, manager] : managers) {
    if (why_incompatible(policy, manager).empty()) {
      partners.insert(name);
    }
  }
  return partners;
}

using Names = std::set<std::string>;

TEST(Combination, WhoNeverTakesMemoryBackNeedsAReservation) {
  const Names reserving{"contiguous", "paged for life", "tgi"};
  EXPECT_EQ(partners_of(TgiSpec{}), reserving);
  EXPECT_EQ(partners_of(OrcaSpec{}), reserving);
  EXPECT_EQ(partners_of(StaticSpec{}), reserving);
}

TEST(Combination, WhoPlansTokenByTokenNeedsTokens) {
  EXPECT_EQ(partners_of(LightLlmSpec{}), (Names{"paged 1", "token"}));
}

TEST(Combination, WhoCountsBlocksNeedsBlocksThatGrow) {
  const Names growing{"paged", "paged 1", "tensorrt_llm", "token"};
  EXPECT_EQ(partners_of(TensorRtLlmSpec{}), growing);
  EXPECT_EQ(partners_of(FastGenSpec{}), growing);
}

TEST(Combination, OnlyWhoLooksForPrefixesRunsOnAPrefixCache) {
  EXPECT_EQ(partners_of(SglangSpec{}),
            (Names{"paged", "paged 1", "paged caching", "radix", "tensorrt_llm", "token"}));
  EXPECT_TRUE(partners_of(VllmV1Spec{}).contains("radix"));
  EXPECT_FALSE(partners_of(SarathiSpec{}).contains("radix"));
}

TEST(Combination, ARefusalSaysWhyAndWhatToTake) {
  EXPECT_EQ(why_incompatible(LightLlmSpec{}, PagedKvSpec{}),
            "the policy 'lightllm' plans its memory token by token, which 'paged' as set does not "
            "give out; take kv_cache {kind: token}, or {kind: paged, block_size: 1}");
  EXPECT_EQ(why_incompatible(FastGenSpec{}, ContiguousKvSpec{}),
            "the policy 'fastgen' plans how sequences grow in the free KV blocks, but 'contiguous' "
            "as set has no blocks or gives a sequence all of them at once; take kv_cache {kind: "
            "paged}, or the policy orca");
  const std::string tgi = why_incompatible(TgiSpec{}, PagedKvSpec{});
  EXPECT_NE(tgi.find("{kind: tgi}"), std::string::npos) << tgi;
  const std::string radix = why_incompatible(SarathiSpec{}, RadixKvSpec{});
  EXPECT_NE(radix.find("take"), std::string::npos) << radix;
}

}  // namespace
}  // namespace tessera
