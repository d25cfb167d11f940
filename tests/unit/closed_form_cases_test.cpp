// Twenty-one cases of KV memory that can be worked out by hand, each through the code that runs:
// GPT-3's cache, the PagedAttention paper's figures, Orca's reservations, PyTorch's allocator,
// vLLM's watermark, copy on write and prefix cache, LightLLM's peak, chunked prefills, TGI's
// budget. Tests are named by the number of their case; other tests look at the same rules more
// closely.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sim/scheduling/future_peak.hpp"
#include "tessera/config/load.hpp"
#include "tessera/memory/device_allocator.hpp"
#include "tessera/memory/kv_cache.hpp"
#include "tessera/memory/paged_pool.hpp"
#include "tessera/memory/placement.hpp"
#include "tessera/memory/static_accounting.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using namespace literals;

Bytes kappa(const std::string& model, KvFormat format = KvFormat::fp16) {
  return kv_bytes_per_token(model_preset(model), format);
}

// A cache of OPT-13B in 12 GiB, the paper's card after its weights.
KvPool opt_13b(Bytes bytes = 12_GiB, Tokens max_model_len = 2048_tokens) {
  KvPool pool;
  pool.bytes = bytes;
  pool.bytes_per_token = kappa("opt-13b");
  pool.tensors = 80;
  pool.max_model_len = max_model_len;
  pool.max_num_seqs = 8;
  return pool;
}

KvSequence sequence(std::uint32_t id, std::int64_t prompt, std::int64_t output) {
  KvSequence made;
  made.id = SequenceId{id};
  made.prompt = Tokens{prompt};
  made.output = Tokens{output};
  return made;
}

Grant admit(KvCache& kv, const KvSequence& row, Tokens entries) {
  KvWork work;
  return kv.admit(row, {.entries = entries}, work);
}

// Prompt, output and tokens sampled of the three sequences of case 7.
constexpr std::array<std::array<std::int64_t, 3>, 3> three{
    {{100, 25, 10}, {300, 200, 100}, {37, 500, 300}}};

KvUsage snapshot(const KvCacheSpec& spec) {
  const auto kv = make_kv_cache(spec, opt_13b());
  for (std::uint32_t id = 0; id < three.size(); ++id) {
    const Tokens entries{three[id][0] + three[id][2] - 1};
    EXPECT_EQ(admit(*kv, sequence(id, three[id][0], three[id][1]), entries), Grant::ok);
    kv->write(SequenceId{id}, entries);
  }
  kv->audit();
  return kv->usage();
}

std::int64_t row_of(const StaticAccountingRequest& request, const std::string& item) {
  const auto accounts = static_accounts(request);
  for (const MemoryAccount& account : *accounts) {
    for (const MemoryRow& row : account.rows) {
      if (row.item == item) {
        return row.bytes->count();
      }
    }
  }
  ADD_FAILURE() << "no row " << item;
  return 0;
}

TEST(ClosedForm, Case01_Gpt3WithSixtyFourSequences) {
  const ModelSpec gpt3 = model_preset("gpt3-175b");
  const StaticAccountingRequest request{
      .model = gpt3,
      .precision = {},
      .shape = {.batch = 64, .prompt = 512_tokens, .output = 32_tokens},
      .gpu = std::nullopt,
      .tensor = std::nullopt};
  EXPECT_EQ(row_of(request, "kv_per_token"), 4'718'592);
  EXPECT_EQ(row_of(request, "kv_peak_textbook"), 164'282'499'072);
  EXPECT_EQ(row_of(request, "kv_peak"), 163'980'509'184);
  // A run's cache comes to the second: the last token is never written.
  KvPool pool = opt_13b(200_GiB);
  pool.bytes_per_token = kappa("gpt3-175b");
  const auto kv = make_kv_cache(PagedKvSpec{}, pool);
  for (std::uint32_t id = 0; id < 64; ++id) {
    const KvSequence row = sequence(id, 512, 32);
    ASSERT_EQ(admit(*kv, row, row.final_entries()), Grant::ok);
    kv->write(row.id, row.final_entries());
  }
  EXPECT_EQ(kv->usage().live, 163'980'509'184_bytes);
}

TEST(ClosedForm, Case02_Opt13BAndLlama13B) {
  for (const char* model : {"opt-13b", "llama-13b"}) {
    EXPECT_EQ(kappa(model), 819'200_bytes);
    EXPECT_EQ(kappa(model) * 2048, 1'677'721'600_bytes);
  }
  EXPECT_EQ(paged_pool(PagedKvSpec{}, opt_13b()).block, 13'107'200_bytes);
}

TEST(ClosedForm, Case03_BytesATokenOfEveryModel) {
  EXPECT_EQ(kappa("llama-7b"), 524'288_bytes);
  EXPECT_EQ(kappa("opt-6.7b"), 524'288_bytes);
  EXPECT_EQ(kappa("opt-2.7b"), 327'680_bytes);
  EXPECT_EQ(kappa("gpt2-xl"), 307'200_bytes);
  EXPECT_EQ(kappa("gpt2"), 36'864_bytes);
  EXPECT_EQ(kappa("llama-3-8b"), 131'072_bytes);
}

TEST(ClosedForm, Case04_APoolOf12GiB) {
  const auto max = make_kv_cache(ContiguousKvSpec{.reserve = Reserve::max}, opt_13b());
  EXPECT_EQ(max->capacity(), 15'728_tokens);
  EXPECT_EQ(max->usage().withheld, 524'288_bytes);
  KvPool v0 = opt_13b();
  v0.watermark = 0.01;
  const PagedPool blocks = paged_pool(PagedKvSpec{}, v0);
  EXPECT_EQ(blocks.total, 983_blocks);
  EXPECT_EQ(blocks.watermark, 9_blocks);
  EXPECT_EQ(make_kv_cache(PagedKvSpec{}, opt_13b())->usage().withheld, 524'288_bytes);
  for (std::uint32_t id = 0; id < 7; ++id) {
    ASSERT_EQ(admit(*max, sequence(id, 100, 100), 100_tokens), Grant::ok);
  }
  EXPECT_EQ(admit(*max, sequence(7, 100, 100), 100_tokens), Grant::later);
  EXPECT_EQ(max->usage().free_unusable, kappa("opt-13b") * 1392);
  EXPECT_EQ(max->usage().free_unusable, 1'140'326'400_bytes);
  EXPECT_EQ(max->usage().free_usable, 0_bytes);
}

TEST(ClosedForm, Case05_FourGiBOfHostMemory) {
  KvPool pool = opt_13b();
  pool.host_bytes = 4_GiB;
  const auto kv = make_kv_cache(PagedKvSpec{}, pool);
  KvWork work;
  ASSERT_EQ(admit(*kv, sequence(0, 327 * 16, 1), 327_tokens * 16), Grant::ok);
  ASSERT_EQ(admit(*kv, sequence(1, 16, 1), 16_tokens), Grant::ok);
  EXPECT_EQ(kv->swap_out(SequenceId{0}, work), Grant::ok);
  EXPECT_EQ(kv->swap_out(SequenceId{1}, work), Grant::later) << "327 blocks are all";
  EXPECT_EQ(work.swapped_out, 13'107'200_bytes * 327);
}

TEST(ClosedForm, Case06_PagedAttentionsFigure3) {
  const auto never = [](std::int64_t prompt, std::int64_t output, Tokens longest) {
    const auto kv = make_kv_cache(ContiguousKvSpec{.placement = Placement::first_fit},
                                  opt_13b(12_GiB, longest));
    EXPECT_EQ(admit(*kv, sequence(0, prompt, output), Tokens{prompt + 1}), Grant::ok);
    kv->write(SequenceId{0}, Tokens{prompt + 1});
    return kv->usage().reserved_never / kappa("opt-13b");
  };
  EXPECT_EQ(never(7, 1 + 2 + 1, 2048_tokens), 2038);
  EXPECT_EQ(never(3, 1 + 1 + 1, 512_tokens), 507);
}

VirtualKvSpec pages_of(Bytes size) {
  VirtualKvSpec spec;
  spec.page_size = size;
  spec.ahead = 0_tokens;
  return spec;
}

TEST(ClosedForm, Case07_ThreeSequencesUnderEveryManager) {
  const Bytes token = kappa("opt-13b");
  const KvUsage max = snapshot(ContiguousKvSpec{.reserve = Reserve::max});
  EXPECT_EQ(max.live, 691'404'800_bytes);
  EXPECT_EQ(max.live, token * 844);
  EXPECT_EQ(max.reserved_future, 258'048'000_bytes);
  EXPECT_EQ(max.reserved(), 5'033'164'800_bytes);
  EXPECT_EQ(max.reserved_never, 4'083'712'000_bytes);

  const KvUsage pow2 = snapshot(ContiguousKvSpec{.reserve = Reserve::pow2});
  EXPECT_EQ(pow2.reserved() - pow2.rounding, token * 1237);
  EXPECT_EQ(pow2.reserved_never, 63'897'600_bytes);
  EXPECT_EQ(pow2.rounding, 874'086'400_bytes);

  const KvUsage oracle = snapshot(ContiguousKvSpec{.reserve = Reserve::oracle});
  EXPECT_EQ(oracle.reserved() - oracle.rounding, token * 1162);
  EXPECT_EQ(oracle.reserved_never, token * 3);
  EXPECT_EQ(oracle.rounding, 411'238'400_bytes);

  const KvUsage paged = snapshot(PagedKvSpec{});
  EXPECT_EQ(paged.reserved(), 694'681'600_bytes);
  EXPECT_EQ(paged.reserved(), 13'107'200_bytes * 53);
  EXPECT_EQ(paged.reserved_future, 3'276'800_bytes);
  EXPECT_EQ(paged.wasted(), 3'276'800_bytes);

  EXPECT_EQ(snapshot(TokenKvSpec{}).wasted(), 0_bytes);

  const KvUsage large = snapshot(pages_of(2_MiB));
  EXPECT_EQ(large.reserved(), 838'860'800_bytes);
  EXPECT_EQ(large.wasted(), 147'456'000_bytes);
  const KvUsage small = snapshot(pages_of(64_KiB));
  EXPECT_EQ(small.reserved(), 744'488'960_bytes);
}

// What one request does to an empty allocator of PyTorch's.
AllocatorCounters after(Bytes size) {
  const auto allocator = make_device_allocator(AllocatorSpec{CudaCachingSpec{}});
  EXPECT_TRUE(allocator->allocate(size).has_value());
  return allocator->counters();
}

TEST(ClosedForm, Case08_SegmentsOfPyTorchsAllocator) {
  EXPECT_EQ(after(10'485'759_bytes).allocated, 10'485'760_bytes);
  EXPECT_EQ(after(10'485'759_bytes).reserved, 10'485'760_bytes);
  EXPECT_EQ(after(10'485'761_bytes).allocated, 10'486'272_bytes);
  EXPECT_EQ(after(10'485'761_bytes).reserved, 12'582'912_bytes);
  EXPECT_EQ(after(10'485'761_bytes).inactive_split, 2'096'640_bytes);
  EXPECT_EQ(after(1'048'576_bytes).reserved, 2_MiB);
  EXPECT_EQ(after(1'048'577_bytes).allocated, 1'049'088_bytes);
  EXPECT_EQ(after(1'048'577_bytes).reserved, 20_MiB);
  EXPECT_EQ(after(9'961'472_bytes).reserved, 20_MiB);
  EXPECT_EQ(after(9'961'472_bytes).inactive_split, 11'010'048_bytes);
}

TEST(ClosedForm, Case09_TheWorkspaceOfCuBlas) {
  const Bytes cublas = GpuSpec{}.cublas_workspace;
  EXPECT_EQ(cublas, 8'519'680_bytes);
  EXPECT_EQ(after(cublas).reserved, 20'971'520_bytes);
  EXPECT_EQ(after(cublas).inactive_split, 12'451'840_bytes);
}

// A batch of equal rows whose tensors grow by a token a step.
class Concatenated {
 public:
  Concatenated(const std::string& model, std::int64_t rows, Tokens prompt,
               CacheForm form = CacheForm::dynamic)
      : rows_(rows), length_(prompt) {
    KvPool pool = opt_13b(40_GiB, 4096_tokens);
    pool.bytes_per_token = kappa(model);
    pool.tensors = 2 * model_preset(model).layers;
    kv_ = make_kv_cache(ConcatKvSpec{.form = form, .allocator = {}}, pool);
    for (std::uint32_t id = 0; id < rows_; ++id) {
      const Admission whole{.entries = prompt, .rows = rows_};
      EXPECT_EQ(kv_->admit(sequence(id, prompt.count(), 2000), whole, work_), Grant::ok);
    }
    peak_ = kv_->usage().reserved();
    write(prompt);
  }
  void grow_to(Tokens length) {
    while (length_ < length) {
      ++length_;
      for (std::uint32_t id = 0; id < rows_; ++id) {
        EXPECT_EQ(kv_->extend(SequenceId{id}, length_, work_), Grant::ok);
      }
      peak_ = kv_->usage().reserved();
      write(1_tokens);
    }
  }
  // Of the last step, and what is left when it has run.
  [[nodiscard]] Bytes peak() const { return peak_; }
  [[nodiscard]] Bytes allocated() const { return kv_->usage().reserved(); }
  [[nodiscard]] Bytes live() const { return kv_->usage().live; }
  [[nodiscard]] Bytes reserved() const { return allocated() + kv_->usage().cached_free; }
  [[nodiscard]] Bytes copied() const { return work_.copied; }

 private:
  void write(Tokens entries) {
    for (std::uint32_t id = 0; id < rows_; ++id) {
      kv_->write(SequenceId{id}, entries);
    }
  }

  std::unique_ptr<KvCache> kv_;
  std::int64_t rows_;
  Tokens length_;
  KvWork work_;
  Bytes peak_{0};
};

TEST(ClosedForm, Case10_Gpt2sCacheByConcatenation) {
  Concatenated cache("gpt2", 1, 32_tokens);
  EXPECT_EQ(cache.reserved(), 2'097'152_bytes);
  cache.grow_to(33_tokens);
  EXPECT_EQ(cache.peak(), 1'265'664_bytes);
  Concatenated tuples("gpt2", 1, 32_tokens, CacheForm::tuple);
  tuples.grow_to(33_tokens);
  EXPECT_EQ(tuples.peak(), 2'396'160_bytes);
  cache.grow_to(682_tokens);
  EXPECT_EQ(cache.live(), 25'141'248_bytes);
  EXPECT_EQ(cache.reserved(), 27'262'976_bytes) << "13 segments";
  cache.grow_to(683_tokens);
  EXPECT_EQ(cache.reserved(), 69'206'016_bytes) << "and two of 20 MiB";
  cache.grow_to(684_tokens);
  EXPECT_EQ(cache.allocated(), 37'775'360_bytes);
  EXPECT_EQ(cache.live(), 25'214'976_bytes);
  cache.grow_to(685_tokens);
  EXPECT_EQ(cache.reserved(), 90'177'536_bytes);
  cache.grow_to(1031_tokens);
  EXPECT_EQ(cache.copied(), 19'593'216'000_bytes) << "the prompt's and 999 more";
}

TEST(ClosedForm, Case11_EightRowsOfOpt6_7B) {
  Concatenated cache("opt-6.7b", 8, 512_tokens);
  EXPECT_EQ(cache.reserved(), 2'147'483'648_bytes);
  cache.grow_to(513_tokens);
  EXPECT_EQ(cache.reserved(), 4'429'185'024_bytes);
  for (Tokens length = 514_tokens; length <= 544_tokens; ++length) {
    cache.grow_to(length);
    EXPECT_EQ(cache.reserved(), 4'464'836'608_bytes) << length.count();
  }
  cache.grow_to(545_tokens);
  EXPECT_EQ(cache.reserved(), 6'880'755'712_bytes);
}

TEST(ClosedForm, Case12_ThreeSamplesOfOnePrompt) {
  PagedKvSpec spec;
  spec.num_blocks = 64_blocks;
  const auto shared = make_kv_cache(spec, opt_13b());
  KvSequence group = sequence(0, 50, 20);
  group.num_sequences = 3;
  KvWork work;
  ASSERT_EQ(shared->admit(group, {.entries = 50_tokens}, work), Grant::ok);
  shared->write(group.id, 50_tokens);
  EXPECT_EQ(shared->free_blocks(), Blocks{64 - 4});
  ASSERT_EQ(shared->extend(group.id, 51_tokens, work), Grant::ok);
  EXPECT_EQ(shared->free_blocks(), Blocks{64 - 6});
  EXPECT_EQ(work.copied, 13'107'200_bytes * 2);
  const auto apart = make_kv_cache(spec, opt_13b());
  for (std::uint32_t id = 0; id < 3; ++id) {
    ASSERT_EQ(admit(*apart, sequence(id, 50, 20), 51_tokens), Grant::ok);
  }
  EXPECT_EQ(apart->free_blocks(), Blocks{64 - 12});
}

// Two identical prompts on vLLM v1's prefix cache: the blocks that the second hits, and the pool
// when both have been computed.
struct TwoAlike {
  explicit TwoAlike(std::int64_t prompt) {
    PagedKvSpec spec;
    spec.num_blocks = 64_blocks;
    spec.prefix_caching = true;
    kv = make_kv_cache(spec, opt_13b());
    for (std::uint32_t id = 0; id < 2; ++id) {
      const KvSequence row = sequence(id, prompt, 10);
      const Tokens cached = kv->cached_prefix(row, row.prompt);
      hits = cached.count() / 16;
      const Blocks before = *kv->free_blocks();
      KvWork work;
      EXPECT_EQ(
          kv->admit(row, {.entries = row.prompt, .cached = cached, .known = row.prompt}, work),
          Grant::ok);
      fresh = (before - *kv->free_blocks()).count();
      kv->publish(row.id, row.prompt);
      kv->write(row.id, row.prompt - cached);
    }
    kv->audit();
  }
  std::unique_ptr<KvCache> kv;
  std::int64_t hits = 0;
  std::int64_t fresh = 0;
};

TEST(ClosedForm, Case13_IdenticalPromptsOnAPrefixCache) {
  const TwoAlike hundred(100);
  EXPECT_EQ(hundred.hits, 6);
  EXPECT_EQ(hundred.fresh, 1);
  // All 96 tokens are cached, but the last block must be computed to sample from it.
  const TwoAlike ninety_six(96);
  EXPECT_EQ(ninety_six.hits, 5);
  EXPECT_EQ(96 - 16 * ninety_six.hits, 16);
  EXPECT_EQ(ninety_six.kv->free_blocks(), Blocks{64 - 7}) << "for 6 logical blocks each";
  EXPECT_EQ(ninety_six.kv->usage().duplicate, 13'107'200_bytes);
}

TEST(ClosedForm, Case14_AStaticBatchAtItsLastStep) {
  const std::array<std::int64_t, 3> prompts{10, 50, 100};
  const std::array<std::int64_t, 3> outputs{5, 20, 100};
  const auto kv = make_kv_cache(StaticCacheKvSpec{}, opt_13b(12_GiB, 256_tokens));
  for (std::uint32_t id = 0; id < 3; ++id) {
    KvSequence row = sequence(id, prompts[id], outputs[id]);
    row.left_padding = Tokens{100 - prompts[id]};
    row.trailing_padding = Tokens{100 - outputs[id]};
    KvWork work;
    ASSERT_EQ(kv->admit(row, {.entries = 100_tokens, .rows = 3}, work), Grant::ok);
  }
  for (std::int64_t length = 100; length <= 199; ++length) {
    for (std::uint32_t id = 0; id < 3; ++id) {
      KvWork work;
      ASSERT_EQ(kv->extend(SequenceId{id}, Tokens{length}, work), Grant::ok);
      kv->write(SequenceId{id}, length == 100 ? 100_tokens : 1_tokens);
      if (length == 100 + outputs[id] - 1 && length < 199) {
        kv->end_of_sequence(SequenceId{id});
      }
    }
  }
  const KvUsage usage = kv->usage();
  const Bytes token = kappa("opt-13b");
  EXPECT_EQ(usage.live, token * 199);
  EXPECT_EQ(usage.dead, token * 83);
  EXPECT_EQ(usage.pad, token * 315);
  EXPECT_EQ(usage.live + usage.dead + usage.pad, token * 597);
}

TEST(ClosedForm, Case15_ABuddySystemOf1024) {
  const auto buddy = make_placement(Placement::buddy, Units{1024});
  const auto piece = [&](std::int64_t size) { return buddy->allocate(Units{size}).value(); };
  const Extent first = piece(100);
  const Extent second = piece(240);
  const Extent third = piece(64);
  const Extent fourth = piece(256);
  EXPECT_EQ(first, (Extent{Units{0}, Units{128}}));
  EXPECT_EQ(second, (Extent{Units{256}, Units{256}}));
  EXPECT_EQ(third, (Extent{Units{128}, Units{64}}));
  EXPECT_EQ(fourth, (Extent{Units{512}, Units{256}}));
  EXPECT_EQ((first.size + second.size + third.size + fourth.size).count() - (100 + 240 + 64 + 256),
            44);
  EXPECT_EQ(buddy->free(), Units{320});
  EXPECT_EQ(buddy->largest_free(), Units{256});
  buddy->deallocate(second);
  EXPECT_EQ(buddy->free_runs(),
            (std::vector<Extent>{
                {Units{192}, Units{64}}, {Units{256}, Units{256}}, {Units{768}, Units{256}}}));
}

// The same arena as a KV pool, for the shape of its fragmentation: 1 - 256/320.
TEST(ClosedForm, Case15_ItsShapeInTheLedger) {
  KvPool pool = opt_13b(0_bytes, 1024_tokens);
  pool.bytes = pool.bytes_per_token * 1024;
  const auto kv = make_kv_cache(ContiguousKvSpec{.reserve = Reserve::oracle}, pool);
  std::uint32_t id = 0;
  for (const std::int64_t size : {100, 240, 64, 256}) {
    ASSERT_EQ(admit(*kv, sequence(id++, size - 1, 1), Tokens{size - 1}), Grant::ok);
  }
  const KvUsage usage = kv->usage();
  EXPECT_EQ(usage.rounding, pool.bytes_per_token * 44);
  EXPECT_EQ(usage.free(), pool.bytes_per_token * 320);
  EXPECT_DOUBLE_EQ(1.0 - static_cast<double>(usage.largest_free.count()) /
                             static_cast<double>(usage.free().count()),
                   0.2);
}

TEST(ClosedForm, Case16_LightLlmsFuturePeak) {
  EXPECT_EQ(future_peak({{10_tokens, 5_tokens}, {20_tokens, 3_tokens}, {5_tokens, 10_tokens}}),
            44_tokens);
}

// A prompt that comes while so many sequences of five tokens decode in blocks of their own.
void beside_decodes(const PolicySpec& policy, std::int64_t decodes, std::int64_t prompt,
                    StepLog& log) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  scenario.engine.max_model_len = 4096_tokens;
  PagedKvSpec paged;
  paged.num_blocks = 2000_blocks;
  scenario.engine.kv_cache = paged;
  std::vector<Request> requests;
  for (std::int64_t id = 0; id < decodes; ++id) {
    requests.push_back(a_request(id, Duration{}, 5_tokens, 10_tokens));
  }
  requests.push_back(a_request(decodes, Duration::milliseconds(1), Tokens{prompt}, 1_tokens));
  run_listed(scenario, requests, log);
}

// The tokens of request `id` that each step with it computes.
std::vector<std::int64_t> chunks_of(const StepLog& log, std::int64_t id) {
  const std::string key = " " + std::to_string(id) + ":";
  std::vector<std::int64_t> chunks;
  for (const std::string& line : log.lines) {
    if (const std::size_t at = (" " + line).find(key); at != std::string::npos) {
      chunks.push_back(std::stoll((" " + line).substr(at + key.size())));
    }
  }
  return chunks;
}

std::int64_t blocks_taken_by(const StepLog& log, std::size_t step) {
  return log.free_after_schedule[step - 1] - log.free_after_schedule[step];
}

TEST(ClosedForm, Case17_ChunksBesideDecodes) {
  StepLog sarathi;
  beside_decodes(SarathiSpec{.chunk_size = 512_tokens}, 20, 1300, sarathi);
  EXPECT_EQ(chunks_of(sarathi, 20), (std::vector<std::int64_t>{492, 492, 316}));
  StepLog v1;
  beside_decodes(VllmV1Spec{}, 100, 3000, v1);
  EXPECT_EQ(chunks_of(v1, 100), (std::vector<std::int64_t>{1948, 1052}));
  EXPECT_EQ(blocks_taken_by(v1, 1), 122);
  EXPECT_EQ(blocks_taken_by(v1, 2), 66);
  StepLog v0;
  beside_decodes(VllmV0Spec{.max_num_batched_tokens = 2048_tokens, .chunked_prefill = true}, 100,
                 3000, v0);
  EXPECT_EQ(chunks_of(v0, 100), (std::vector<std::int64_t>{1948, 1052}));
  EXPECT_EQ(blocks_taken_by(v0, 1), 188);
  EXPECT_EQ(blocks_taken_by(v0, 2), 0);
}

TEST(ClosedForm, Case18_VllmV0sWatermark) {
  KvPool pool = opt_13b(12_GiB, 16'000_tokens);
  pool.watermark = 0.01;
  pool.watermark_always = true;
  const auto kv = make_kv_cache(PagedKvSpec{}, pool);
  EXPECT_FALSE(kv->can_ever_hold(sequence(0, 975 * 16, 1))) << "8 blocks would be left";
  EXPECT_TRUE(kv->can_ever_hold(sequence(0, 974 * 16, 1)));
  ASSERT_EQ(admit(*kv, sequence(0, 968 * 16, 1), 968_tokens * 16), Grant::ok);
  ASSERT_EQ(kv->free_blocks(), 15_blocks);
  KvWork work;
  const Admission prompt{.entries = 100_tokens, .watermark_applies = true};
  EXPECT_EQ(kv->admit(sequence(1, 100, 1), prompt, work), Grant::later) << "15 - 7 < 9";
}

TEST(ClosedForm, Case19_QuantisedCaches) {
  EXPECT_EQ(kappa("llama-7b", KvFormat::int8), 266'240_bytes);
  EXPECT_EQ(kappa("llama-7b", KvFormat::int4), 196'608_bytes);
  EXPECT_EQ(kappa("llama-7b", KvFormat::q8_0), 278'528_bytes);
  EXPECT_EQ(kappa("llama-7b", KvFormat::q4_0), 147'456_bytes);
}

TEST(ClosedForm, Case20_LogitsOf256SequencesOfOpt) {
  const ModelSpec opt = model_preset("opt-13b");
  const StaticAccountingRequest request{
      .model = opt,
      .precision = {.compute = ComputeFormat::fp32},
      .shape = {.batch = 256, .prompt = 1_tokens, .output = 1_tokens},
      .gpu = std::nullopt,
      .tensor = std::nullopt};
  EXPECT_EQ(row_of(request, "logits_decode"), 51'478'528);
}

TEST(ClosedForm, Case21_TgisBudget) {
  const auto kv = make_kv_cache(TgiKvSpec{}, opt_13b());
  KvSequence row = sequence(0, 100, 10);
  row.max_output = 512_tokens;
  ASSERT_EQ(admit(*kv, row, 100_tokens), Grant::ok);
  EXPECT_EQ(kv->usage().reserved(), 13'107'200_bytes * 39);
  kv->write(row.id, 100_tokens);
  for (int token = 1; token < 10; ++token) {
    KvWork work;
    ASSERT_EQ(kv->extend(row.id, Tokens{100 + token}, work), Grant::ok);
    kv->write(row.id, 1_tokens);
  }
  const Bytes touched = round_up(kv->usage().live, 13'107'200_bytes);
  EXPECT_EQ(touched, 13'107'200_bytes * 7);
  EXPECT_EQ(kv->usage().reserved() - touched, 13'107'200_bytes * 32);
  EXPECT_EQ(kv->usage().reserved_future, 0_bytes);
}

}  // namespace
}  // namespace tessera
