// The KV managers and placements: what one admission, one step of a decoding batch, and one release
// cost. Ratios between the rows are what counts: growth must not depend on the size of the pool.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "tessera/memory/kv_cache.hpp"
#include "tessera/memory/placement.hpp"

namespace tessera {
namespace {

using namespace literals;

KvPool pool_of(std::int64_t tokens) {
  KvPool pool;
  pool.bytes_per_token = 524'288_bytes;
  pool.bytes = pool.bytes_per_token * tokens;
  pool.max_model_len = 2048_tokens;
  return pool;
}

KvSequence sequence(std::uint32_t id, std::int64_t prompt, std::int64_t output) {
  KvSequence made;
  made.id = SequenceId{id};
  made.prompt = Tokens{prompt};
  made.output = Tokens{output};
  return made;
}

Admission room_for(Tokens entries) {
  Admission admission;
  admission.entries = entries;
  return admission;
}

// Sequences of drawn lengths come first in, first out; `state.range(0)` of them are held.
void come_and_go(benchmark::State& state, const KvCacheSpec& spec) {
  const auto held = static_cast<std::uint32_t>(state.range(0));
  const auto kv = make_kv_cache(spec, pool_of(std::int64_t{held} * 4096));
  std::mt19937_64 random(1);
  KvWork work;
  std::uint32_t oldest = 0;
  std::uint32_t running = 0;
  for (auto _ : state) {
    if (running == held) {
      kv->release(SequenceId{oldest});
      oldest = (oldest + 1) % held;
      --running;
    }
    const KvSequence next =
        sequence((oldest + running) % held, static_cast<std::int64_t>(1 + random() % 1000),
                 static_cast<std::int64_t>(1 + random() % 1000));
    if (kv->admit(next, room_for(next.prompt), work) != Grant::ok) {
      state.SkipWithError("the pool is too small");
      break;
    }
    kv->write(next.id, next.prompt);
    ++running;
  }
  state.SetItemsProcessed(state.iterations());
}

// One token for each sequence of a batch of `state.range(0)`, and the usage once a step. At the end
// of their context all sequences begin anew.
void decode(benchmark::State& state, const KvCacheSpec& spec) {
  constexpr std::int64_t longest = 2048;
  const auto batch = static_cast<std::uint32_t>(state.range(0));
  const auto kv = make_kv_cache(spec, pool_of(batch * longest));
  KvWork work;
  const auto begin = [&] {
    for (std::uint32_t id = 0; id < batch; ++id) {
      benchmark::DoNotOptimize(kv->admit(sequence(id, 1, longest), room_for(1_tokens), work));
      kv->write(SequenceId{id}, 1_tokens);
    }
  };
  begin();
  std::int64_t entries = 1;
  for (auto _ : state) {
    if (entries == longest) {
      for (std::uint32_t id = 0; id < batch; ++id) {
        kv->release(SequenceId{id});
      }
      begin();
      entries = 1;
    }
    ++entries;
    for (std::uint32_t id = 0; id < batch; ++id) {
      benchmark::DoNotOptimize(kv->extend(SequenceId{id}, Tokens{entries}, work));
      kv->write(SequenceId{id}, 1_tokens);
    }
    benchmark::DoNotOptimize(kv->usage());
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

// An arena full of holes: `state.range(0)` pieces of drawn sizes, of which one is replaced.
void replace_piece(benchmark::State& state, Placement placement) {
  const std::int64_t pieces = state.range(0);
  const auto arena = make_placement(placement, Units{pieces * 1024});
  std::mt19937_64 random(1);
  std::vector<Extent> held;
  const auto allocate = [&] {
    return arena->allocate(Units{static_cast<std::int64_t>(1 + random() % 512)});
  };
  while (static_cast<std::int64_t>(held.size()) < pieces) {
    held.push_back(allocate().value());
  }
  for (auto _ : state) {
    Extent& piece = held[random() % held.size()];
    arena->deallocate(piece);
    const auto next = allocate();
    if (!next) {
      state.SkipWithError("the arena is too small");
      break;
    }
    piece = *next;
  }
  state.SetItemsProcessed(state.iterations());
}

const KvCacheSpec paged = PagedKvSpec{};
const KvCacheSpec buddy = ContiguousKvSpec{Reserve::pow2, Placement::buddy};
const KvCacheSpec best_fit = ContiguousKvSpec{Reserve::pow2, Placement::best_fit};
const KvCacheSpec first_fit = ContiguousKvSpec{Reserve::pow2, Placement::first_fit};

BENCHMARK_CAPTURE(come_and_go, paged, paged)->Range(8, 4096);
BENCHMARK_CAPTURE(come_and_go, contiguous_buddy, buddy)->Range(8, 4096);
BENCHMARK_CAPTURE(come_and_go, contiguous_best_fit, best_fit)->Range(8, 4096);
BENCHMARK_CAPTURE(come_and_go, contiguous_first_fit, first_fit)->Range(8, 4096);
BENCHMARK_CAPTURE(decode, paged, paged)->Range(1, 512);
BENCHMARK_CAPTURE(decode, contiguous_best_fit, best_fit)->Range(1, 512);
BENCHMARK_CAPTURE(replace_piece, buddy, Placement::buddy)->Range(64, 1 << 16);
BENCHMARK_CAPTURE(replace_piece, best_fit, Placement::best_fit)->Range(64, 1 << 16);
BENCHMARK_CAPTURE(replace_piece, first_fit, Placement::first_fit)->Range(64, 1 << 16);

}  // namespace
}  // namespace tessera
