// The blocks of a request of several sequences (parallel sampling, beam search), as vLLM v0 keeps
// them (block_manager.py: fork, append_slot with copy on write, free).
//
// They are a tree: a block's parent is the one before it in the sequences that it belongs to. All
// sequences begin with the prompt's blocks. A new block belongs to one sequence. Whoever writes to
// a block that is not full while others end in it, too, gets a copy; the last one of them has it
// for itself. A sequence that continues another one ends in the same block. A block that no
// sequence ends in, and no block follows, is given up.
//
// Which of the free blocks these are makes no difference, so that they are only counted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/memory/row_table.hpp"
#include "tessera/core/quantity.hpp"

namespace tessera {

class BlockTree {
 public:
  // Room for the prompt of a request whose sequences have `final_entries` entries each at the end.
  BlockTree(std::int64_t num_sequences, Tokens prompt, Tokens final_entries, Tokens block_size);

  // What grow() would take: the blocks, and how many of them are copies of others.
  struct Growth {
    Blocks blocks{0};
    Blocks copies{0};
  };
  // Room for `entries` of each sequence, at most a block more than there is.
  [[nodiscard]] Growth growth(Tokens entries) const;
  void grow(Tokens entries);
  // Each sequence has written `entries` more; as long as they write the prompt, all as one.
  void write(Tokens entries);
  // Sequence i continues what sequence parents[i] has written. Returns the blocks given up.
  // Precondition: all that was asked for is written.
  Blocks continue_from(std::span<const std::int64_t> parents);

  [[nodiscard]] std::int64_t num_sequences() const {
    return static_cast<std::int64_t>(ends_.size());
  }
  [[nodiscard]] Blocks size() const { return size_; }
  // Of all blocks. Of a block's cells that are not written, those up to the sequences' end are
  // future: whether a beam will get there is not known yet.
  [[nodiscard]] const CellCounts& cells() const { return cells_; }
  // Recounts everything. O(n).
  void audit() const;

 private:
  using Node = std::uint32_t;
  static constexpr Node none = ~Node{0};
  struct Block {
    Node parent = none;
    std::int64_t references = 0;  // blocks that follow it, and sequences that end in it
    std::int64_t ends = 0;        // these sequences
    Tokens begin{0};              // position of its first entry
    Tokens written{0};
  };

  [[nodiscard]] CellCounts cells_of(const Block& block) const;
  [[nodiscard]] bool must_copy(const Block& block, Tokens entries) const {
    return block.ends > 1 && entries <= block.begin + block_size_;
  }
  Node add(Node parent, Tokens begin);
  void let_go(Node node);

  Tokens prompt_;
  Tokens final_entries_;
  Tokens block_size_;
  Tokens written_{0};          // by each sequence
  std::vector<Block> blocks_;  // those given up among them
  std::vector<Node> unused_;
  std::vector<Node> ends_;  // by sequence
  Blocks size_{0};
  CellCounts cells_;
};

}  // namespace tessera
