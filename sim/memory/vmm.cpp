// Allocation by CUDA's virtual memory management: every allocation is an address range of its own
// with whole physical pages behind it, as cuMemCreate and cuMemMap give them, and as vAttention
// uses them. Nothing is cached, so nothing is lost but the rest of each last page.
#include <memory>
#include <vector>

#include "sim/memory/cuda_driver.hpp"
#include "sim/memory/requests.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/memory/device_allocator.hpp"

namespace tessera {
namespace {

class VmmAllocator final : public DeviceAllocator {
 public:
  VmmAllocator(const VmmSpec& spec, std::optional<Bytes> device_memory)
      : page_(spec.page_size), limit_(spec.limit), driver_(device_memory) {}

  std::optional<Allocation> allocate(Bytes size,
                                     std::optional<DeviceAddress> segment_address) override;
  void free(AllocationHandle handle) override;
  [[nodiscard]] const AllocatorCounters& counters() const override { return counters_; }
  [[nodiscard]] Bytes largest_free() const override { return Bytes{0}; }
  [[nodiscard]] std::vector<Bytes> free_runs() const override { return {}; }
  void audit() const override;

 private:
  struct Mapping {
    DeviceAddress address;
    Bytes requested{0};
    Bytes mapped{0};
    bool live = false;
  };

  AllocationHandle new_handle();

  Bytes page_;
  std::optional<Bytes> limit_;
  cuda::Driver driver_;
  std::vector<Mapping> mappings_;
  std::vector<AllocationHandle> spare_;
  AllocatorCounters counters_;
};

std::optional<Allocation> VmmAllocator::allocate(Bytes size,
                                                 std::optional<DeviceAddress> segment_address) {
  TESSERA_INVARIANT(size >= Bytes{0}, "a request has a size");
  if (size == Bytes{0}) {
    return Allocation{no_bytes, DeviceAddress{}, Bytes{0}};
  }
  if (size > largest_request) {
    return std::nullopt;
  }
  const Bytes mapped = round_up(size, page_);
  if ((limit_ && mapped > *limit_ - counters_.reserved) || !driver_.take_memory(mapped)) {
    return std::nullopt;
  }
  const AllocationHandle handle = new_handle();
  Mapping& mapping = mappings_[static_cast<std::size_t>(handle)];
  mapping = {driver_.reserve_addresses(mapped, segment_address), size, mapped, true};
  counters_.requested += size;
  counters_.allocated += mapped;
  counters_.active += mapped;
  counters_.reserved += mapped;
  ++counters_.segments;
  return Allocation{handle, mapping.address, mapped};
}

AllocationHandle VmmAllocator::new_handle() {
  if (spare_.empty()) {
    mappings_.emplace_back();
    return AllocationHandle{static_cast<std::uint32_t>(mappings_.size() - 1)};
  }
  const AllocationHandle handle = spare_.back();
  spare_.pop_back();
  return handle;
}

void VmmAllocator::free(AllocationHandle handle) {
  if (handle == no_bytes) {
    return;
  }
  const auto index = static_cast<std::size_t>(handle);
  TESSERA_INVARIANT(index < mappings_.size() && mappings_[index].live,
                    "only a live allocation is freed");
  Mapping& mapping = mappings_[index];
  mapping.live = false;
  driver_.release_addresses(mapping.address);
  driver_.return_memory(mapping.mapped);
  counters_.requested -= mapping.requested;
  counters_.allocated -= mapping.mapped;
  counters_.active -= mapping.mapped;
  counters_.reserved -= mapping.mapped;
  --counters_.segments;
  spare_.push_back(handle);
}

void VmmAllocator::audit() const {
  AllocatorCounters sum;
  for (const Mapping& mapping : mappings_) {
    if (mapping.live) {
      TESSERA_INVARIANT(mapping.mapped % page_ == Bytes{0}, "whole pages are mapped");
      sum.requested += mapping.requested;
      sum.allocated += mapping.mapped;
      ++sum.segments;
    }
  }
  sum.active = sum.allocated;
  sum.reserved = sum.allocated;
  TESSERA_INVARIANT(sum == counters_, "the allocator's counters are the sums over its mappings");
}

}  // namespace

std::unique_ptr<DeviceAllocator> make_device_allocator(const VmmSpec& spec,
                                                       std::optional<Bytes> device_memory) {
  return std::make_unique<VmmAllocator>(spec, device_memory);
}

}  // namespace tessera
