// When decoding sequences take their last blocks, of which they will leave a part unused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/engine/event_ring.hpp"
#include "sim/engine/span_sequence.hpp"

namespace tessera {

class LastBlocks {
 public:
  // A block, of which so many entries will never be used. Step 0 is the first that is asked about.
  struct LastBlock {
    std::int64_t step = 0;
    std::int64_t never = 0;
  };

  // All sequences are among `all`.
  LastBlocks(const std::vector<SpanSequence>& all, std::int64_t block_size)
      : all_(all), block_size_(block_size) {}

  // A sequence begins to decode at this iteration; it stops to.
  void join(std::uint32_t slot, std::int64_t iteration);
  void leave(std::uint32_t slot);
  // Those of so many steps from an iteration on, in order. Good until the next call. Precondition:
  // nothing before that iteration is left to ask about.
  [[nodiscard]] std::span<const LastBlock> take(std::int64_t iteration, std::int64_t steps);

 private:
  const std::vector<SpanSequence>& all_;
  std::int64_t block_size_;
  EventRing ring_;
  std::vector<std::optional<std::int64_t>> iterations_;  // by slot, of those that are yet to come
  std::vector<LastBlock> taken_;
};

}  // namespace tessera
