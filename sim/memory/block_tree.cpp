#include "sim/memory/block_tree.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {

BlockTree::BlockTree(std::int64_t num_sequences, Tokens prompt, Tokens final_entries,
                     Tokens block_size)
    : prompt_(prompt), final_entries_(final_entries), block_size_(block_size) {
  TESSERA_INVARIANT(num_sequences > 0 && prompt > Tokens{0}, "a request has a prompt to share");
  Node last = none;
  for (Tokens begin{0}; begin < prompt; begin += block_size) {
    last = add(last, begin);
  }
  blocks_[last].ends = blocks_[last].references = num_sequences;
  ends_.assign(static_cast<std::size_t>(num_sequences), last);
}

CellCounts BlockTree::cells_of(const Block& block) const {
  const Tokens to_come = std::clamp(final_entries_ - block.begin, block.written, block_size_);
  return {.live = block.written, .future = to_come - block.written, .never = block_size_ - to_come};
}

BlockTree::Growth BlockTree::growth(Tokens entries) const {
  Growth growth;
  if (entries <= prompt_) {
    return growth;
  }
  // Of those that end in a block with room, the first one seen may write to it.
  std::vector<Node> seen;
  for (const Node end : ends_) {
    const Block& block = blocks_[end];
    if (entries > block.begin + block_size_) {
      ++growth.blocks;
    } else if (block.ends > 1) {
      const bool is_first = std::find(seen.begin(), seen.end(), end) == seen.end();
      seen.push_back(end);
      growth.blocks += Blocks{is_first ? 0 : 1};
      growth.copies += Blocks{is_first ? 0 : 1};
    }
  }
  return growth;
}

void BlockTree::grow(Tokens entries) {
  if (entries <= prompt_) {
    return;
  }
  for (Node& end : ends_) {
    const bool is_full = entries > blocks_[end].begin + block_size_;
    if (!is_full && !must_copy(blocks_[end], entries)) {
      continue;
    }
    TESSERA_INVARIANT(entries <= blocks_[end].begin + block_size_ * 2,
                      "sequences that were forked grow block by block");
    const Node parent = is_full ? end : blocks_[end].parent;
    const Node own = add(parent, is_full ? blocks_[end].begin + block_size_ : blocks_[end].begin);
    blocks_[own].ends = blocks_[own].references = 1;
    --blocks_[end].ends;
    let_go(end);
    end = own;
  }
}

void BlockTree::write(Tokens entries) {
  written_ += entries;
  if (written_ <= prompt_) {
    for (Block& block : blocks_) {
      cells_ -= cells_of(block);
      block.written = std::clamp(written_ - block.begin, Tokens{0}, block_size_);
      cells_ += cells_of(block);
    }
    return;
  }
  for (const Node end : ends_) {
    Block& block = blocks_[end];
    TESSERA_INVARIANT(block.ends == 1 && written_ - block.begin <= block_size_,
                      "each sequence has a place of its own to write to");
    cells_ -= cells_of(block);
    block.written = written_ - block.begin;
    cells_ += cells_of(block);
  }
}

Blocks BlockTree::continue_from(std::span<const std::int64_t> parents) {
  TESSERA_INVARIANT(parents.size() == ends_.size(), "each sequence continues one");
  TESSERA_INVARIANT(written_ >= prompt_, "what is continued has been written");
  const Blocks before = size_;
  std::vector<Node> ends;
  for (const std::int64_t parent : parents) {
    const Node end = ends_.at(static_cast<std::size_t>(parent));
    ++blocks_[end].references;
    ++blocks_[end].ends;
    ends.push_back(end);
  }
  for (const Node end : ends_) {
    --blocks_[end].ends;
    let_go(end);
  }
  ends_ = std::move(ends);
  return before - size_;
}

BlockTree::Node BlockTree::add(Node parent, Tokens begin) {
  if (unused_.empty()) {
    unused_.push_back(static_cast<Node>(blocks_.size()));
    blocks_.emplace_back();
  }
  const Node node = unused_.back();
  unused_.pop_back();
  blocks_[node] = {.parent = parent, .begin = begin};
  if (parent != none) {
    ++blocks_[parent].references;
  }
  ++size_;
  cells_ += cells_of(blocks_[node]);
  return node;
}

// One reference less; with the last one the block goes, and lets go of its parent.
void BlockTree::let_go(Node node) {
  while (node != none && --blocks_[node].references == 0) {
    cells_ -= cells_of(blocks_[node]);
    --size_;
    unused_.push_back(node);
    node = blocks_[node].parent;
  }
}

void BlockTree::audit() const {
  std::vector<std::int64_t> references(blocks_.size(), 0);
  std::vector<bool> seen(blocks_.size(), false);
  CellCounts cells;
  Blocks size{0};
  for (Node node : ends_) {
    ++references[node];
    for (; node != none && !seen[node]; node = blocks_[node].parent) {
      seen[node] = true;
      ++size;
      cells += cells_of(blocks_[node]);
      if (blocks_[node].parent != none) {
        ++references[blocks_[node].parent];
      }
    }
  }
  TESSERA_INVARIANT(size == size_ && cells == cells_, "the blocks of the tree are counted");
  for (std::size_t node = 0; node < blocks_.size(); ++node) {
    TESSERA_INVARIANT(!seen[node] || references[node] == blocks_[node].references,
                      "a block knows who refers to it");
  }
}

}  // namespace tessera
