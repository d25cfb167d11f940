// SGLang's radix tree of prefixes (RadixCache of python/sglang/srt/mem_cache/radix_cache.py). A
// node holds a run of pages; a path from the root spells the content of a prefix. Nodes on the
// paths of those who use them are locked; among the others, the least recently used leaf is evicted
// first, whole. Whoever looks a prefix up cuts the node in which it ends in two, and makes the
// nodes on the way, and what it has cut off, the most recently used.
//
// Pages are counted, not told apart: any page serves any node.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

class RadixTree {
 public:
  enum class Node : std::uint32_t { root = 0 };

  explicit RadixTree(Tokens page);

  // The longest prefix of `content` in the tree, of at most `limit` tokens, in whole pages.
  struct Match {
    Node node = Node::root;  // where it ends
    Tokens tokens{0};
  };
  Match match(const ContentKeys& content, Tokens limit);

  // Adds the first `tokens` of `content`, whole pages. `present` of them were there before.
  struct Insertion {
    Node node = Node::root;
    Tokens present{0};
  };
  Insertion insert(const ContentKeys& content, Tokens tokens);

  // Who locks a path keeps it: a sequence that runs, or one that has ended but keeps its row.
  void lock(Node node);
  void unlock(Node node);
  // The sequence that has locked this path has ended; it is unlocked by unlock_ended().
  void end(Node node);
  void unlock_ended(Node node);

  // Evicts leaves that nobody uses until `tokens` are free or none is left. Returns the tokens.
  Tokens evict(Tokens tokens);

  // Tokens on paths of running sequences; on others that are locked; of nobody.
  [[nodiscard]] Tokens live() const { return live_; }
  [[nodiscard]] Tokens dead() const { return dead_; }
  [[nodiscard]] Tokens evictable() const { return evictable_; }
  // Of the path to `node`, tokens that nobody uses.
  [[nodiscard]] Tokens evictable_on_path(Node node) const;
  // Every node's (first token, last token + 1, locks), in an order of its own. O(n).
  struct Run {
    Tokens begin{0};
    Tokens end{0};
    std::int64_t locks = 0;
  };
  [[nodiscard]] std::vector<Run> runs() const;

  void audit() const;

 private:
  using Index = std::uint32_t;
  static constexpr Index root = 0;

  struct Entry {
    Index parent = root;
    Tokens begin{0};
    Tokens end{0};
    ContentKeys content;  // of one who has been here
    std::int64_t children = 0;
    std::int64_t locks = 0;
    std::int64_t ended_locks = 0;  // of them
    std::uint64_t used = 0;        // when it was last used
    bool is_free = false;          // the entry waits to be used again

    [[nodiscard]] Tokens size() const { return end - begin; }
  };

  [[nodiscard]] std::uint64_t page_key(const ContentKeys& content, Tokens begin) const {
    return content.key(begin + page_ - Tokens{1});
  }
  // Tokens of `entry` that `content` has too, up to `limit`, in whole pages.
  [[nodiscard]] Tokens common(const Entry& entry, const ContentKeys& content, Tokens limit) const;
  Match walk(const ContentKeys& content, Tokens limit);
  Index cut(Index lower, Tokens at);
  Index add(Entry entry);
  void touch(Index index);
  void change_locks(Node node, std::int64_t locks, std::int64_t ended_locks);
  [[nodiscard]] Tokens& total_of(const Entry& entry);
  [[nodiscard]] bool can_be_evicted(const Entry& entry) const {
    return entry.children == 0 && entry.locks == 0 && !entry.is_free;
  }
  // Around a change of what decides whether, and when, it is evicted.
  void withdraw(Index index);
  void offer(Index index);

  Tokens page_;
  std::vector<Entry> entries_;
  std::vector<Index> free_entries_;
  boost::unordered_flat_map<std::uint64_t, Index> by_first_page_;
  std::set<std::pair<std::uint64_t, Index>> leaves_;  // that can be evicted, by when they were used
  std::uint64_t clock_ = 0;
  Tokens live_{0};
  Tokens dead_{0};
  Tokens evictable_{0};
};

}  // namespace tessera
