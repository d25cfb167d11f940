// The binary buddy system (Knuth, TAOCP vol. 1, §2.5, algorithms R and S).
//
// Blocks are powers of two. A request takes the smallest free block that holds it, the lowest
// address among equals, and halves it until it is the request rounded up to a power of two; the
// upper halves stay free. A block freed joins its buddy, found by flipping the bit of its size in
// its address, as long as that is free.
//
// An arena that is no power of two is cut into roots, the powers of two of its binary digits,
// greatest first. Each root's offset is then a multiple of twice its size, so that the bit to flip
// is the same in the offset in the arena and in the offset in the root.
#include <array>
#include <bit>
#include <set>

#include "sim/memory/placements.hpp"
#include "sim/memory/run_totals.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class Buddy final : public PlacementAllocator {
 public:
  Buddy(Units units, Units quantum) : units_(units), totals_(quantum) {
    std::int64_t offset = 0;
    while (offset < units.count()) {
      const std::int64_t size = root_size(offset);
      add(offset, size);
      offset += size;
    }
  }

  std::optional<Extent> allocate(Units size) override {
    const std::int64_t wanted = granted(size).count();
    const std::uint64_t large_enough = orders_with_blocks_ & ~(unsigned_of(wanted) - 1);
    if (large_enough == 0) {
      return std::nullopt;
    }
    std::int64_t block = std::int64_t{1} << std::countr_zero(large_enough);
    const std::int64_t offset = *blocks_of(block).begin();
    remove(offset, block);
    while (block > wanted) {
      block /= 2;
      add(offset + block, block);
    }
    return Extent{Units{offset}, Units{wanted}};
  }

  void deallocate(Extent extent) override {
    std::int64_t offset = extent.offset.count();
    std::int64_t size = extent.size.count();
    TESSERA_INVARIANT(size > 0 && std::has_single_bit(unsigned_of(size)) && offset % size == 0 &&
                          offset >= 0 && offset < units_.count(),
                      "a buddy block is an aligned power of two in the arena");
    const std::int64_t root = root_size(offset);
    while (size < root && blocks_of(size).count(offset ^ size) > 0) {
      remove(offset ^ size, size);
      offset &= ~size;
      size *= 2;
    }
    add(offset, size);
  }

  [[nodiscard]] Units granted(Units size) const override {
    TESSERA_INVARIANT(size > Units{0} && size.count() <= std::int64_t{1} << 62,
                      "a request is for between 1 and 2^62 units");
    return Units{signed_of(std::bit_ceil(unsigned_of(size.count())))};
  }
  [[nodiscard]] Units total() const override { return units_; }
  [[nodiscard]] Units free() const override { return totals_.free(); }
  [[nodiscard]] Units largest_free() const override {
    return Units{signed_of(std::bit_floor(orders_with_blocks_))};
  }
  [[nodiscard]] Units remainders() const override { return totals_.remainders(); }

  [[nodiscard]] std::vector<Extent> free_runs() const override {
    std::set<std::pair<std::int64_t, std::int64_t>> by_address;
    for (std::size_t order = 0; order < blocks_.size(); ++order) {
      for (const std::int64_t offset : blocks_[order]) {
        by_address.emplace(offset, std::int64_t{1} << order);
      }
    }
    std::vector<Extent> runs;
    runs.reserve(by_address.size());
    for (const auto& [offset, size] : by_address) {
      runs.push_back({Units{offset}, Units{size}});
    }
    return runs;
  }

  void audit() const override {
    totals_.audit(free_runs(), units_);
    for (std::size_t order = 0; order < blocks_.size(); ++order) {
      const std::int64_t size = std::int64_t{1} << order;
      TESSERA_INVARIANT(blocks_[order].empty() == ((orders_with_blocks_ & unsigned_of(size)) == 0),
                        "the orders with free blocks are marked");
      for (const std::int64_t offset : blocks_[order]) {
        TESSERA_INVARIANT(size == root_size(offset) || blocks_[order].count(offset ^ size) == 0,
                          "two free buddies are one block");
      }
    }
  }

 private:
  static constexpr std::size_t num_orders = 63;

  [[nodiscard]] static std::uint64_t unsigned_of(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
  }
  [[nodiscard]] static std::int64_t signed_of(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
  }

  // The size of the root in which `offset` lies. An offset and the arena's size share the digits of
  // the roots before; the first digit in which they differ is the root's.
  [[nodiscard]] std::int64_t root_size(std::int64_t offset) const {
    return signed_of(std::bit_floor(unsigned_of(units_.count() ^ offset)));
  }

  [[nodiscard]] std::set<std::int64_t>& blocks_of(std::int64_t size) {
    return blocks_[static_cast<std::size_t>(std::countr_zero(unsigned_of(size)))];
  }
  void add(std::int64_t offset, std::int64_t size) {
    const bool is_new = blocks_of(size).insert(offset).second;
    TESSERA_INVARIANT(is_new, "a block is freed once");
    orders_with_blocks_ |= unsigned_of(size);
    totals_.add(Units{size});
  }
  void remove(std::int64_t offset, std::int64_t size) {
    std::set<std::int64_t>& blocks = blocks_of(size);
    blocks.erase(offset);
    if (blocks.empty()) {
      orders_with_blocks_ &= ~unsigned_of(size);
    }
    totals_.remove(Units{size});
  }

  Units units_;
  RunTotals totals_;
  std::array<std::set<std::int64_t>, num_orders> blocks_;  // free blocks of 2^order, by offset
  std::uint64_t orders_with_blocks_ = 0;                   // bit k: there are free blocks of 2^k
};

}  // namespace

std::unique_ptr<PlacementAllocator> make_buddy(Units units, Units quantum) {
  return std::make_unique<Buddy>(units, quantum);
}

}  // namespace tessera
