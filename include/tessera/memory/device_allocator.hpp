// The interface of a device allocator: who gets which bytes of a device's memory, and what is kept
// back between two programs' requests. It stands alone (traces are replayed through it) and under
// KV managers whose caches are tensors of a framework.
//
// An allocator takes memory from the driver in segments and hands out blocks of them. All of it is
// bookkeeping: no memory is touched. An allocator is deterministic; equal calls give equal answers.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/memory/allocator_specs.hpp"

namespace tessera {

// A place in the device's address space.
class DeviceAddress {
 public:
  constexpr DeviceAddress() = default;
  constexpr explicit DeviceAddress(std::uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }

  friend constexpr auto operator<=>(DeviceAddress, DeviceAddress) = default;
  friend constexpr DeviceAddress operator+(DeviceAddress a, Bytes b) {
    return DeviceAddress{a.value_ + static_cast<std::uint64_t>(b.count())};
  }
  friend constexpr DeviceAddress operator-(DeviceAddress a, Bytes b) {
    return DeviceAddress{a.value_ - static_cast<std::uint64_t>(b.count())};
  }
  friend constexpr Bytes operator-(DeviceAddress a, DeviceAddress b) {
    return Bytes{static_cast<std::int64_t>(a.value_ - b.value_)};
  }

 private:
  std::uint64_t value_ = 0;
};

// What a program gives back. Dense, and reused once it has been freed.
enum class AllocationHandle : std::uint32_t {};

struct Allocation {
  AllocationHandle handle{};
  DeviceAddress address;
  Bytes granted{0};  // at least what was asked for
};

// The counters of torch.cuda.memory_stats, all of the present moment but the last.
struct AllocatorCounters {
  Bytes requested{0};       // asked for by what is live
  Bytes allocated{0};       // granted to it
  Bytes active{0};          // the same: one stream has nothing to wait for
  Bytes reserved{0};        // taken from the driver
  Bytes inactive_split{0};  // free parts of segments that are in use
  std::int64_t segments = 0;
  std::int64_t retries = 0;  // requests that were tried again after a flush, since the start
  friend bool operator==(const AllocatorCounters&, const AllocatorCounters&) = default;
};

class DeviceAllocator {
 public:
  DeviceAllocator() = default;
  DeviceAllocator(const DeviceAllocator&) = delete;
  DeviceAllocator& operator=(const DeviceAllocator&) = delete;
  virtual ~DeviceAllocator() = default;

  // Nothing: out of memory; the allocator may have given cached memory back to the driver on the
  // way there. A request of no bytes is granted at address 0, counts nowhere, and is freed like any
  // other. Where the request makes a new segment, it lies at `segment_address` if that is given, is
  // aligned as the driver's own are, and is free; elsewhere the driver's rule decides.
  // Precondition: size >= 0.
  virtual std::optional<Allocation> allocate(Bytes size,
                                             std::optional<DeviceAddress> segment_address) = 0;
  std::optional<Allocation> allocate(Bytes size) { return allocate(size, std::nullopt); }

  // Precondition: `handle` is live. Anything else is an InvariantViolation.
  virtual void free(AllocationHandle handle) = 0;

  [[nodiscard]] virtual const AllocatorCounters& counters() const = 0;
  // The longest free run inside what is reserved; zero when there is none.
  [[nodiscard]] virtual Bytes largest_free() const = 0;
  // The sizes of all free runs of what is reserved, in no order; they sum to what is reserved and
  // not allocated. O(n).
  [[nodiscard]] virtual std::vector<Bytes> free_runs() const = 0;

  // Recomputes every counter from scratch and checks that blocks tile their segments; throws
  // InvariantViolation where something differs. O(n log n).
  virtual void audit() const = 0;
};

// `device_memory` is what the driver has to give; nothing: more than anyone asks for.
// Precondition: problem_with(spec) finds none; device_memory > 0.
[[nodiscard]] std::unique_ptr<DeviceAllocator> make_device_allocator(
    const AllocatorSpec& spec, std::optional<Bytes> device_memory = std::nullopt);
[[nodiscard]] std::unique_ptr<DeviceAllocator> make_device_allocator(
    const CudaCachingSpec& spec, std::optional<Bytes> device_memory);
[[nodiscard]] std::unique_ptr<DeviceAllocator> make_device_allocator(
    const BuddySpec& spec, std::optional<Bytes> device_memory);
[[nodiscard]] std::unique_ptr<DeviceAllocator> make_device_allocator(
    const BestFitSpec& spec, std::optional<Bytes> device_memory);
[[nodiscard]] std::unique_ptr<DeviceAllocator> make_device_allocator(
    const FirstFitSpec& spec, std::optional<Bytes> device_memory);
[[nodiscard]] std::unique_ptr<DeviceAllocator> make_device_allocator(
    const VmmSpec& spec, std::optional<Bytes> device_memory);

}  // namespace tessera
