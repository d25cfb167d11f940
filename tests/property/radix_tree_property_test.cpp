// Random programs against the radix tree, beside a tree that spells every token out and searches it
// from end to end: each look-up, insertion, lock and eviction has the same outcome, and the nodes
// are the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>
#include <tuple>
#include <vector>

#include "sim/memory/radix_tree.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

using Text = std::vector<std::uint64_t>;

struct PlainNode {
  PlainNode* parent = nullptr;
  Text before;  // the tokens of its parents
  Text text;
  std::int64_t locks = 0;
  std::int64_t ended = 0;
  std::int64_t used = 0;
};

class PlainTree {
 public:
  explicit PlainTree(std::size_t page) : page_(page) {}

  std::size_t match(const Text& text) { return walk(text, ++clock_).size(); }

  std::size_t insert(const Text& text) {
    const Text present = walk(text, ++clock_);
    if (present.size() < text.size()) {
      PlainNode* parent = ends_at(present);
      nodes_.push_back(
          {parent, present,
           Text(text.begin() + static_cast<std::ptrdiff_t>(present.size()), text.end()), 0, 0,
           ++clock_});
    }
    return present.size();
  }

  void change(const Text& path, std::int64_t locks, std::int64_t ended) {
    for (PlainNode* node = ends_at(path); node != nullptr; node = node->parent) {
      node->locks += locks;
      node->ended += ended;
    }
  }

  std::size_t evict(std::size_t tokens) {
    std::size_t evicted = 0;
    while (evicted < tokens) {
      auto oldest = nodes_.end();
      for (auto node = nodes_.begin(); node != nodes_.end(); ++node) {
        const bool is_leaf =
            std::none_of(nodes_.begin(), nodes_.end(),
                         [&](const PlainNode& other) { return other.parent == &*node; });
        if (is_leaf && node->locks == 0 && (oldest == nodes_.end() || node->used < oldest->used)) {
          oldest = node;
        }
      }
      if (oldest == nodes_.end()) {
        break;
      }
      evicted += oldest->text.size();
      nodes_.erase(oldest);
    }
    return evicted;
  }

  // live, dead, evictable
  [[nodiscard]] std::tuple<std::size_t, std::size_t, std::size_t> totals() const {
    std::size_t live = 0;
    std::size_t dead = 0;
    std::size_t evictable = 0;
    for (const PlainNode& node : nodes_) {
      (node.locks == 0 ? evictable : node.locks == node.ended ? dead : live) += node.text.size();
    }
    return {live, dead, evictable};
  }

  [[nodiscard]] std::vector<std::tuple<std::size_t, std::size_t, std::int64_t>> runs() const {
    std::vector<std::tuple<std::size_t, std::size_t, std::int64_t>> runs;
    for (const PlainNode& node : nodes_) {
      runs.emplace_back(node.before.size(), node.before.size() + node.text.size(), node.locks);
    }
    std::sort(runs.begin(), runs.end());
    return runs;
  }

 private:
  // The node whose parents and whose own tokens spell `text`; null for none at all.
  PlainNode* ends_at(const Text& text) {
    for (PlainNode& node : nodes_) {
      Text whole = node.before;
      whole.insert(whole.end(), node.text.begin(), node.text.end());
      if (whole == text) {
        return &node;
      }
    }
    EXPECT_TRUE(text.empty());
    return nullptr;
  }

  // Follows `text` and cuts the node in which it ends. Returns what was there.
  Text walk(const Text& text, std::int64_t now) {
    Text present;
    bool goes_on = true;
    while (goes_on) {
      goes_on = false;
      for (PlainNode& node : nodes_) {
        const std::size_t same = node.before == present ? common(node, text) : 0;
        if (same == 0) {
          continue;
        }
        node.used = now;
        goes_on = same == node.text.size();
        if (!goes_on) {
          cut(node, same);
        }
        present.assign(text.begin(),
                       text.begin() + static_cast<std::ptrdiff_t>(present.size() + same));
        break;
      }
    }
    return present;
  }

  // Tokens, in whole pages, that the node has of what comes next in `text`.
  [[nodiscard]] std::size_t common(const PlainNode& node, const Text& text) const {
    std::size_t same = 0;
    while (same < node.text.size() && node.before.size() + same < text.size() &&
           node.text[same] == text[node.before.size() + same]) {
      ++same;
    }
    return same / page_ * page_;
  }

  void cut(PlainNode& node, std::size_t at) {
    const auto middle = node.text.begin() + static_cast<std::ptrdiff_t>(at);
    PlainNode upper = node;
    upper.text = Text(node.text.begin(), middle);
    nodes_.push_back(upper);
    node.parent = &nodes_.back();
    node.before.insert(node.before.end(), node.text.begin(), middle);
    node.text = Text(middle, node.text.end());
  }

  std::size_t page_;
  std::list<PlainNode> nodes_;
  std::int64_t clock_ = 0;
};

struct Lock {
  RadixTree::Node node = RadixTree::Node::root;
  Text path;
  bool has_ended = false;
};

class Program {
 public:
  Program(std::int64_t page, std::uint64_t seed)
      : page_(page), tree_(Tokens{page}), plain_(static_cast<std::size_t>(page)), random_(seed) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      operate();
      ASSERT_NO_THROW(tree_.audit());
      const auto [live, dead, evictable] = plain_.totals();
      ASSERT_EQ(tree_.live().count(), static_cast<std::int64_t>(live));
      ASSERT_EQ(tree_.dead().count(), static_cast<std::int64_t>(dead));
      ASSERT_EQ(tree_.evictable().count(), static_cast<std::int64_t>(evictable));
      ASSERT_EQ(runs(), plain_.runs());
      ASSERT_FALSE(testing::Test::HasFailure());
    }
  }

 private:
  std::int64_t upto(std::int64_t greatest) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(greatest + 1));
  }

  // Three groups that share prefixes, and a few conversations that come back.
  ContentKeys draw() {
    ContentKeys content;
    content.group = upto(3) - 1;
    content.shared_prefix = Tokens{content.group < 0 ? 0 : 10 * content.group + upto(2) * 7};
    content.conversation = content.shared_prefix.count() * 10 + content.group * 1000 + upto(3);
    return content;
  }

  static Text spell(const ContentKeys& content, std::int64_t tokens) {
    Text text;
    for (std::int64_t i = 0; i < tokens; ++i) {
      text.push_back(content.key(Tokens{i}));
    }
    return text;
  }

  void operate() {
    const ContentKeys content = draw();
    const std::int64_t tokens = upto(40);
    const std::int64_t whole = tokens / page_ * page_;
    switch (upto(5)) {
      case 0:
        look_up(content, tokens);
        break;
      case 1:
      case 2:
        insert(content, whole);
        break;
      case 3:
        ASSERT_EQ(static_cast<std::size_t>(tree_.evict(Tokens{tokens}).count()),
                  plain_.evict(static_cast<std::size_t>(tokens)));
        break;
      default:
        change_a_lock();
    }
  }

  void look_up(const ContentKeys& content, std::int64_t tokens) {
    const RadixTree::Match match = tree_.match(content, Tokens{tokens});
    ASSERT_EQ(static_cast<std::size_t>(match.tokens.count()), plain_.match(spell(content, tokens)));
    const Text path = spell(content, match.tokens.count());
    tree_.lock(match.node);
    plain_.change(path, 1, 0);
    locks_.push_back({match.node, path});
  }

  void insert(const ContentKeys& content, std::int64_t whole) {
    const RadixTree::Insertion inserted = tree_.insert(content, Tokens{whole});
    ASSERT_EQ(static_cast<std::size_t>(inserted.present.count()),
              plain_.insert(spell(content, whole)));
  }

  void change_a_lock() {
    if (locks_.empty()) {
      return;
    }
    const auto at = static_cast<std::size_t>(upto(static_cast<std::int64_t>(locks_.size()) - 1));
    Lock& lock = locks_[at];
    if (!lock.has_ended && upto(2) == 0) {
      tree_.end(lock.node);
      plain_.change(lock.path, 0, 1);
      lock.has_ended = true;
      return;
    }
    if (lock.has_ended) {
      tree_.unlock_ended(lock.node);
    } else {
      tree_.unlock(lock.node);
    }
    plain_.change(lock.path, -1, lock.has_ended ? -1 : 0);
    locks_.erase(locks_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  [[nodiscard]] std::vector<std::tuple<std::size_t, std::size_t, std::int64_t>> runs() const {
    std::vector<std::tuple<std::size_t, std::size_t, std::int64_t>> runs;
    for (const RadixTree::Run& run : tree_.runs()) {
      runs.emplace_back(run.begin.count(), run.end.count(), run.locks);
    }
    std::sort(runs.begin(), runs.end());
    return runs;
  }

  std::int64_t page_;
  RadixTree tree_;
  PlainTree plain_;
  std::mt19937_64 random_;
  std::vector<Lock> locks_;
};

TEST(RadixTreeProperty, EqualsATreeThatSpellsEveryTokenOut) {
  for (const std::int64_t page : {1, 2, 5}) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      SCOPED_TRACE(testing::Message() << "page " << page << ", seed " << seed);
      Program program(page, seed);
      ASSERT_NO_FATAL_FAILURE(program.run(200));
    }
  }
}

}  // namespace
}  // namespace tessera
