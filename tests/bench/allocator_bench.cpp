// Operations a second of the device allocators alone, and of a whole replay with its reading and
// writing. Items are operations: an allocation is one, a free is one.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <ostream>
#include <sstream>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/random.hpp"
#include "tessera/memory/device_allocator.hpp"
#include "tessera/memory/replay.hpp"

namespace tessera {
namespace {

struct Operation {
  bool is_free = false;
  std::uint32_t id = 0;
  Bytes size{0};
};

// Sizes from 512 bytes to 64 MiB while `live` allocations are held, any of which ends next.
std::vector<Operation> mixed_sizes(std::size_t live, std::size_t operations) {
  RandomStream random(1, "mixed sizes");
  std::vector<Operation> program;
  std::vector<std::uint32_t> held;
  std::uint32_t next = 0;
  while (program.size() < operations) {
    if (held.size() < live) {
      const std::uint64_t order = 9 + random() % 18;
      const std::uint64_t size =
          (std::uint64_t{1} << order) + random() % (std::uint64_t{1} << order);
      program.push_back({false, next, Bytes{static_cast<std::int64_t>(size)}});
      held.push_back(next++);
    } else {
      const std::size_t victim = random() % held.size();
      program.push_back({true, held[victim], Bytes{0}});
      held[victim] = held.back();
      held.pop_back();
    }
  }
  return program;
}

// K and V of 32 layers of several requests, each grown by allocate-new, free-old.
std::vector<Operation> growing_caches(std::size_t requests, std::size_t operations) {
  constexpr std::size_t tensors = 64;
  std::vector<Operation> program;
  std::vector<std::uint32_t> held(requests * tensors);
  std::uint32_t next = 0;
  const auto size_at = [](std::size_t request, std::int64_t step) {
    return Bytes{8'192 * (16 + static_cast<std::int64_t>(request) * 40 + step)};
  };
  for (std::int64_t step = 0; program.size() < operations; ++step) {
    for (std::size_t tensor = 0; tensor < held.size(); ++tensor) {
      program.push_back({false, next, size_at(tensor / tensors, step % 512)});
      if (step > 0) {
        program.push_back({true, held[tensor], Bytes{0}});
      }
      held[tensor] = next++;
    }
  }
  return program;
}

void run(DeviceAllocator& allocator, const std::vector<Operation>& program,
         std::vector<AllocationHandle>& handles) {
  for (const Operation& operation : program) {
    if (operation.is_free) {
      allocator.free(handles[operation.id]);
    } else {
      handles[operation.id] = allocator.allocate(operation.size, std::nullopt)->handle;
    }
  }
}

void measure(benchmark::State& state, const AllocatorSpec& spec,
             const std::vector<Operation>& program) {
  std::vector<AllocationHandle> handles(program.size());
  for (auto _ : state) {
    const auto allocator = make_device_allocator(spec);
    run(*allocator, program, handles);
    benchmark::DoNotOptimize(allocator->counters());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(program.size()));
}

CudaCachingSpec expandable() {
  CudaCachingSpec spec;
  spec.expandable_segments = true;
  return spec;
}

constexpr std::size_t num_operations = 200'000;

void mixed_cuda_caching(benchmark::State& state) {
  measure(state, CudaCachingSpec{},
          mixed_sizes(static_cast<std::size_t>(state.range(0)), num_operations));
}
BENCHMARK(mixed_cuda_caching)->Arg(100)->Arg(1'000)->Arg(10'000);

void mixed_expandable(benchmark::State& state) {
  measure(state, expandable(),
          mixed_sizes(static_cast<std::size_t>(state.range(0)), num_operations));
}
BENCHMARK(mixed_expandable)->Arg(100)->Arg(1'000)->Arg(10'000);

void growing_cuda_caching(benchmark::State& state) {
  measure(state, CudaCachingSpec{},
          growing_caches(static_cast<std::size_t>(state.range(0)), num_operations));
}
BENCHMARK(growing_cuda_caching)->Arg(1)->Arg(8)->Arg(64);

void growing_expandable(benchmark::State& state) {
  measure(state, expandable(),
          growing_caches(static_cast<std::size_t>(state.range(0)), num_operations));
}
BENCHMARK(growing_expandable)->Arg(1)->Arg(8)->Arg(64);

void mixed_vmm(benchmark::State& state) {
  measure(state, VmmSpec{}, mixed_sizes(1'000, num_operations));
}
BENCHMARK(mixed_vmm);

void mixed_buddy(benchmark::State& state) {
  measure(state, BuddySpec{}, mixed_sizes(1'000, num_operations));
}
BENCHMARK(mixed_buddy);

void mixed_best_fit(benchmark::State& state) {
  measure(state, BestFitSpec{}, mixed_sizes(1'000, num_operations));
}
BENCHMARK(mixed_best_fit);

void mixed_first_fit(benchmark::State& state) {
  measure(state, FirstFitSpec{}, mixed_sizes(1'000, num_operations));
}
BENCHMARK(mixed_first_fit);

// Takes everything and keeps nothing.
class Sink final : public std::streambuf {
 protected:
  std::streamsize xsputn(const char*, std::streamsize n) override { return n; }
  int_type overflow(int_type c) override { return traits_type::not_eof(c); }
};

void whole_replay(benchmark::State& state) {
  std::string trace = "op,id,size\n";
  const auto program = growing_caches(8, num_operations);
  for (const Operation& operation : program) {
    trace += operation.is_free ? "free," : "alloc,";
    trace += std::to_string(operation.id) + "," + std::to_string(operation.size.count()) + "\n";
  }
  for (auto _ : state) {
    std::istringstream in(trace);
    Sink sink;
    std::ostream rows(&sink);
    const auto allocator = make_device_allocator(CudaCachingSpec{}, std::nullopt);
    benchmark::DoNotOptimize(replay_trace(in, "trace", *allocator, rows));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(program.size()));
}
BENCHMARK(whole_replay);

}  // namespace
}  // namespace tessera
