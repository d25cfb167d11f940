// PyTorch's CUDA caching allocator on one stream, rule by rule (c10/cuda/CUDACachingAllocator.cpp
// of PyTorch 2.11, which these rules were read from and measured against; the code is our own).
//
// A request is rounded up and served by the small pool (up to 1 MiB) or the large one: from the
// best-fitting cached block, else from a new segment of the driver's. When the limit or the device
// refuses one, cached memory is given back in steps, and the request is tried again.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "sim/memory/cuda_blocks.hpp"
#include "sim/memory/cuda_driver.hpp"
#include "tessera/memory/device_allocator.hpp"

namespace tessera::cuda {

inline constexpr Bytes smallest_block{512};
inline constexpr Bytes largest_small{1 << 20};  // requests up to this share the small pool
inline constexpr Bytes small_segment{2 << 20};
inline constexpr Bytes large_segment{20 << 20};  // of requests below least_own_segment
inline constexpr Bytes least_own_segment{10 << 20};

class CachingAllocator final : public DeviceAllocator {
 public:
  CachingAllocator(const CudaCachingSpec& spec, std::optional<Bytes> device_memory);

  std::optional<Allocation> allocate(Bytes size,
                                     std::optional<DeviceAddress> segment_address) override;
  void free(AllocationHandle handle) override;
  [[nodiscard]] const AllocatorCounters& counters() const override { return counters_; }
  [[nodiscard]] Bytes largest_free() const override;
  [[nodiscard]] std::vector<Bytes> free_runs() const override;
  void audit() const override;

 private:
  struct Request {
    BlockPool& pool;
    Bytes size{0};     // rounded
    Bytes segment{0};  // what a new segment for it would be
    std::optional<DeviceAddress> wish;
  };

  // cuda_caching.cpp: the request's way.
  [[nodiscard]] Bytes rounded(Bytes size) const;
  Block* take_cached(const Request& request);
  [[nodiscard]] Block* skip_to_least_expansion(BlockPool& pool, Block* found) const;
  Block* take_new(const Request& request);
  Block* new_segment(const Request& request);
  Block& split(Block& block, Bytes size);
  void merge(Block& block, Block* neighbour);

  // cuda_release.cpp: what goes back to the driver.
  void collect_garbage();
  bool release_oversize(const Request& request);
  void release_cached();
  void release_cached(BlockPool& pool);
  void release_segment(Block& block);

  // cuda_expandable.cpp
  Block* grow(const Request& request);
  Block& find_room(const Request& request);
  Block& new_address_range(const Request& request);
  void end_ranges_at(DeviceAddress address);
  Block* map(Block& block, Bytes size);
  void unmap_whole_pages(Block& block);
  void merge_unmapped(Block& block, Block* neighbour);
  void release_address_range(Block& block);

  CudaCachingSpec spec_;
  Bytes max_split_;  // the largest there is where the spec has none
  bool collects_garbage_;
  Driver driver_;
  BlockStore blocks_;
  BlockPool small_;
  BlockPool large_;
  std::list<ExpandableSegment> expandable_;
  AllocatorCounters counters_;
};

}  // namespace tessera::cuda
