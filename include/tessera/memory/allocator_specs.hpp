// The settings of every device allocator. The variant AllocatorSpec is their registry: to add one,
// write its spec here, name it in the variant, and define its make_device_allocator overload in
// sim/memory.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"

namespace tessera {

// PyTorch's caching allocator on one stream. The options have PyTorch's names, meanings, defaults
// and limits (PYTORCH_CUDA_ALLOC_CONF); `limit` is torch.cuda.set_per_process_memory_fraction, in
// bytes.
struct CudaCachingSpec {
  static constexpr std::string_view kind = "cuda_caching";
  static constexpr std::string_view summary = "PyTorch's CUDA caching allocator";
  bool expandable_segments = false;
  std::optional<std::int64_t> max_split_size_mb;
  std::int64_t max_non_split_rounding_mb = 20;
  std::int64_t roundup_power2_divisions = 0;
  double garbage_collection_threshold = 0.0;
  std::optional<Bytes> limit;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    constexpr std::int64_t most_mb = std::int64_t{1} << 40;
    v.field("expandable_segments", self.expandable_segments,
            "grow one segment a pool page by page instead of making many");
    v.field("max_split_size_mb", self.max_split_size_mb, between(std::int64_t{21}, most_mb),
            "blocks of this many MiB and more are never split; null: all may be");
    v.field("max_non_split_rounding_mb", self.max_non_split_rounding_mb,
            between(std::int64_t{20}, most_mb),
            "how much larger than the request an unsplittable block may be, in MiB");
    v.field("roundup_power2_divisions", self.roundup_power2_divisions,
            between(std::int64_t{0}, std::int64_t{1} << 20),
            "steps between powers of two that sizes are rounded up to, a power of two; 0: none");
    v.field("garbage_collection_threshold", self.garbage_collection_threshold, between(0.0, 1.0),
            "share of the limit above which old cached segments are given back; 0: never");
    v.field("limit", self.limit, at_least(Bytes{1}),
            "what the process may take of the device; null: all of it");
  }
};

// The three that hand out parts of one pool, which the driver gives at the start. A pool without a
// limit on a device of unknown memory grows: it counts as reserved as far as it has been used.
struct BuddySpec {
  static constexpr std::string_view kind = "buddy";
  static constexpr std::string_view summary = "blocks of powers of two, split and merged in pairs";
  std::optional<Bytes> limit;
  Bytes smallest{512};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("limit", self.limit, at_least(Bytes{1}), "bytes of the pool; null: the whole device");
    v.field("smallest", self.smallest, between(Bytes{1}, Bytes{std::int64_t{1} << 40}),
            "the smallest block, a power of two");
  }
};

struct BestFitSpec {
  static constexpr std::string_view kind = "best_fit";
  static constexpr std::string_view summary =
      "the smallest hole that is large enough, the lowest of equal ones";
  std::optional<Bytes> limit;
  Bytes alignment{512};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("limit", self.limit, at_least(Bytes{1}), "bytes of the pool; null: the whole device");
    v.field("alignment", self.alignment, between(Bytes{1}, Bytes{std::int64_t{1} << 40}),
            "sizes are rounded up to a multiple of this");
  }
};

struct FirstFitSpec {
  static constexpr std::string_view kind = "first_fit";
  static constexpr std::string_view summary = "the lowest hole that is large enough";
  std::optional<Bytes> limit;
  Bytes alignment{512};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("limit", self.limit, at_least(Bytes{1}), "bytes of the pool; null: the whole device");
    v.field("alignment", self.alignment, between(Bytes{1}, Bytes{std::int64_t{1} << 40}),
            "sizes are rounded up to a multiple of this");
  }
};

// CUDA's virtual memory management: physical pages behind an address range of each allocation's
// own. Only the last page's tail is lost, and nothing is kept when an allocation ends.
struct VmmSpec {
  static constexpr std::string_view kind = "vmm";
  static constexpr std::string_view summary =
      "pages mapped for each allocation, unmapped at its end";
  Bytes page_size{2 << 20};
  std::optional<Bytes> limit;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("page_size", self.page_size, between(Bytes{1}, Bytes{std::int64_t{1} << 40}),
            "bytes of a physical page");
    v.field("limit", self.limit, at_least(Bytes{1}),
            "what may be mapped at once; null: the whole device");
  }
};

using AllocatorSpec = std::variant<CudaCachingSpec, BuddySpec, BestFitSpec, FirstFitSpec, VmmSpec>;

[[nodiscard]] std::string_view kind_of(const AllocatorSpec& spec);

// What is wrong with a spec's values, in a sentence; nothing when it can be built. Covers the
// fields' ranges and what ranges cannot say (a power of two).
[[nodiscard]] std::optional<std::string> problem_with(const AllocatorSpec& spec);

// Text that names no allocator, or not as parse_allocator reads it.
class BadAllocatorText : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Reads "NAME[,option=value…]" as the command line gives it:
//   cuda_caching,limit=2048MiB,garbage_collection_threshold=0.6
// Byte values carry units (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB); a bare number is bytes. Throws
// BadAllocatorText with what was meant, where a name is near.
[[nodiscard]] AllocatorSpec parse_allocator(std::string_view text);

}  // namespace tessera
