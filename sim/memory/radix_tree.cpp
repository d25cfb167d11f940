#include "sim/memory/radix_tree.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {

RadixTree::RadixTree(Tokens page) : page_(page), entries_(1) {
  // Nobody takes the root away.
  entries_[root].locks = 1;
}

RadixTree::Match RadixTree::match(const ContentKeys& content, Tokens limit) {
  ++clock_;
  return walk(content, limit);
}

RadixTree::Insertion RadixTree::insert(const ContentKeys& content, Tokens tokens) {
  ++clock_;
  const Match present = walk(content, tokens);
  if (present.tokens == tokens) {
    return {present.node, present.tokens};
  }
  const Index parent = static_cast<Index>(present.node);
  withdraw(parent);
  ++entries_[parent].children;
  const Index added =
      add({.parent = parent, .begin = present.tokens, .end = tokens, .content = content});
  evictable_ += entries_[added].size();
  by_first_page_[page_key(content, present.tokens)] = added;
  // Newer than what was cut off to make room for it.
  ++clock_;
  touch(added);
  return {Node{added}, present.tokens};
}

RadixTree::Match RadixTree::walk(const ContentKeys& content, Tokens limit) {
  const Tokens whole = page_ * (limit / page_);
  Index node = root;
  Tokens matched{0};
  while (matched < whole) {
    // Equal keys mean equal prefixes, so the key of a page tells its parents, too.
    const auto child = by_first_page_.find(page_key(content, matched));
    if (child == by_first_page_.end()) {
      break;
    }
    Index next = child->second;
    touch(next);
    const Tokens shared = common(entries_[next], content, whole);
    if (shared < entries_[next].size()) {
      next = cut(next, matched + shared);
    }
    node = next;
    matched += shared;
  }
  return {Node{node}, matched};
}

Tokens RadixTree::common(const Entry& entry, const ContentKeys& content, Tokens limit) const {
  std::int64_t same = 1;  // pages: the first was found by its key
  std::int64_t beyond = (std::min(entry.end, limit) - entry.begin) / page_ + 1;
  while (beyond - same > 1) {
    const std::int64_t middle = (same + beyond) / 2;
    const Tokens last_page = entry.begin + page_ * (middle - 1);
    const bool equal = page_key(entry.content, last_page) == page_key(content, last_page);
    (equal ? same : beyond) = middle;
  }
  return page_ * same;
}

// The part of a node before `at` becomes a node of its own, which is returned.
RadixTree::Index RadixTree::cut(Index lower, Tokens at) {
  Entry upper = entries_[lower];
  upper.end = at;
  upper.children = 1;
  const Index added = add(upper);
  entries_[lower].parent = added;
  entries_[lower].begin = at;
  by_first_page_[page_key(upper.content, upper.begin)] = added;
  by_first_page_[page_key(upper.content, at)] = lower;
  return added;
}

RadixTree::Index RadixTree::add(Entry entry) {
  if (free_entries_.empty()) {
    entries_.push_back(std::move(entry));
    return static_cast<Index>(entries_.size() - 1);
  }
  const Index index = free_entries_.back();
  free_entries_.pop_back();
  entries_[index] = std::move(entry);
  return index;
}

void RadixTree::touch(Index index) {
  withdraw(index);
  entries_[index].used = clock_;
  offer(index);
}

void RadixTree::withdraw(Index index) {
  if (can_be_evicted(entries_[index])) {
    leaves_.erase({entries_[index].used, index});
  }
}

void RadixTree::offer(Index index) {
  if (can_be_evicted(entries_[index])) {
    leaves_.insert({entries_[index].used, index});
  }
}

void RadixTree::lock(Node node) {
  change_locks(node, 1, 0);
}
void RadixTree::unlock(Node node) {
  change_locks(node, -1, 0);
}
void RadixTree::end(Node node) {
  change_locks(node, 0, 1);
}
void RadixTree::unlock_ended(Node node) {
  change_locks(node, -1, -1);
}

void RadixTree::change_locks(Node node, std::int64_t locks, std::int64_t ended_locks) {
  for (Index index = static_cast<Index>(node); index != root; index = entries_[index].parent) {
    Entry& entry = entries_[index];
    withdraw(index);
    total_of(entry) -= entry.size();
    entry.locks += locks;
    entry.ended_locks += ended_locks;
    TESSERA_INVARIANT(entry.ended_locks >= 0 && entry.ended_locks <= entry.locks,
                      "who ends, or lets go, has locked the path before");
    total_of(entry) += entry.size();
    offer(index);
  }
}

Tokens& RadixTree::total_of(const Entry& entry) {
  if (entry.locks == 0) {
    return evictable_;
  }
  return entry.locks > entry.ended_locks ? live_ : dead_;
}

Tokens RadixTree::evict(Tokens tokens) {
  Tokens evicted{0};
  while (evicted < tokens && !leaves_.empty()) {
    const Index leaf = leaves_.begin()->second;
    leaves_.erase(leaves_.begin());
    Entry& entry = entries_[leaf];
    evicted += entry.size();
    evictable_ -= entry.size();
    by_first_page_.erase(page_key(entry.content, entry.begin));
    const Index parent = entry.parent;
    entry = Entry{};
    entry.is_free = true;
    free_entries_.push_back(leaf);
    --entries_[parent].children;
    offer(parent);
  }
  return evicted;
}

Tokens RadixTree::evictable_on_path(Node node) const {
  Tokens tokens{0};
  for (Index index = static_cast<Index>(node); index != root; index = entries_[index].parent) {
    tokens += entries_[index].locks == 0 ? entries_[index].size() : Tokens{0};
  }
  return tokens;
}

std::vector<RadixTree::Run> RadixTree::runs() const {
  std::vector<Run> runs;
  for (Index index = 1; index < entries_.size(); ++index) {
    const Entry& entry = entries_[index];
    if (!entry.is_free) {
      runs.push_back({entry.begin, entry.end, entry.locks});
    }
  }
  return runs;
}

void RadixTree::audit() const {
  Tokens live{0};
  Tokens dead{0};
  Tokens evictable{0};
  std::size_t leaves = 0;
  std::vector<std::int64_t> children(entries_.size(), 0);
  for (Index index = 1; index < entries_.size(); ++index) {
    const Entry& entry = entries_[index];
    if (entry.is_free) {
      continue;
    }
    const Entry& parent = entries_[entry.parent];
    ++children[entry.parent];
    (entry.locks == 0 ? evictable : entry.locks > entry.ended_locks ? live : dead) += entry.size();
    leaves += can_be_evicted(entry) ? 1 : 0;
    TESSERA_INVARIANT(entry.begin == parent.end && entry.begin < entry.end,
                      "a node goes on where its parent ends");
    TESSERA_INVARIANT(entry.size() % page_ == Tokens{0}, "a node holds whole pages");
    TESSERA_INVARIANT(parent.locks >= entry.locks || entry.parent == root,
                      "who locks a node locks its parents");
    const auto found = by_first_page_.find(page_key(entry.content, entry.begin));
    TESSERA_INVARIANT(found != by_first_page_.end() && found->second == index,
                      "a node is found by its first page");
    TESSERA_INVARIANT(can_be_evicted(entry) == leaves_.contains({entry.used, index}),
                      "leaves that nobody uses can be evicted");
  }
  for (Index index = 0; index < entries_.size(); ++index) {
    TESSERA_INVARIANT(entries_[index].is_free || children[index] == entries_[index].children,
                      "children are counted");
  }
  TESSERA_INVARIANT(live == live_ && dead == dead_ && evictable == evictable_,
                    "tokens are counted by who uses them");
  TESSERA_INVARIANT(leaves == leaves_.size(), "every leaf is offered once");
}

}  // namespace tessera
