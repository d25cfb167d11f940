// The paged KV cache with prefix caching against a model that is as plain as can be: the free queue
// is a list, every block has a count and perhaps a key, and a look-up searches all of them. Random
// programs of admissions, growth and departures must hit the same prefixes, get the same answers,
// and evict in the same order, which later look-ups tell.
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

constexpr std::int64_t block_size = 4;
constexpr std::int64_t num_blocks = 24;  // with the null block
constexpr std::int64_t watermark = 3;

std::int64_t blocks_for(std::int64_t entries) {
  return (entries + block_size - 1) / block_size;
}

class NaivePrefixCache {
 public:
  explicit NaivePrefixCache(FreedBlocks freed) : freed_(freed) {
    for (int block = 1; block < num_blocks; ++block) {
      free_.push_back(block);
    }
  }

  [[nodiscard]] std::vector<int> hits(const ContentKeys& content, std::int64_t known) const {
    std::vector<int> found;
    for (std::int64_t i = 0; i < (known - 1) / block_size; ++i) {
      const std::optional<int> block = find(content.key(Tokens{(i + 1) * block_size - 1}));
      if (!block) {
        break;
      }
      found.push_back(*block);
    }
    return found;
  }

  Grant admit(int id, const ContentKeys& content, const std::vector<int>& hits,
              const Admission& admission) {
    const std::int64_t needed =
        blocks_for(std::max(admission.entries.count(), admission.must_fit.count()));
    if (needed > num_blocks - 1) {
      return Grant::never;
    }
    const auto evictable =
        std::count_if(hits.begin(), hits.end(), [&](int block) { return references(block) == 0; });
    const std::int64_t kept = admission.watermark_applies ? watermark : 0;
    if (needed - static_cast<std::int64_t>(hits.size()) + evictable + kept > num_free()) {
      return Grant::later;
    }
    contents_[id] = content;
    tables_[id] = hits;
    for (const int block : hits) {
      free_.remove(block);
    }
    grow(id, blocks_for(admission.entries.count()));
    return Grant::ok;
  }

  Grant extend(int id, std::int64_t entries) {
    const std::int64_t needed = blocks_for(entries);
    if (needed > num_blocks - 1) {
      return Grant::never;
    }
    if (needed - static_cast<std::int64_t>(tables_[id].size()) > num_free()) {
      return Grant::later;
    }
    grow(id, needed);
    return Grant::ok;
  }

  void publish(int id, std::int64_t entries) {
    const std::vector<int>& table = tables_[id];
    for (std::size_t i = 0; i < table.size(); ++i) {
      const auto end = static_cast<std::int64_t>(i + 1) * block_size;
      if (end <= entries && keys_.count(table[i]) == 0) {
        keys_[table[i]] = {contents_[id].key(Tokens{end - 1}), ++registrations_};
      }
    }
  }

  void release(int id) {
    std::vector<int> table = tables_[id];
    tables_.erase(id);
    std::reverse(table.begin(), table.end());
    std::list<int> in_front;
    for (const int block : table) {
      if (references(block) > 0) {
        continue;
      }
      const bool to_front = freed_ == FreedBlocks::unkeyed_in_front && keys_.count(block) == 0;
      (to_front ? in_front : free_).push_back(block);
    }
    free_.splice(free_.begin(), in_front);
  }

  [[nodiscard]] std::int64_t num_free() const { return static_cast<std::int64_t>(free_.size()); }
  [[nodiscard]] std::int64_t num_cached() const {
    return std::count_if(free_.begin(), free_.end(),
                         [&](int block) { return keys_.count(block) > 0; });
  }

 private:
  struct Key {
    std::uint64_t content = 0;
    std::int64_t registered = 0;
  };

  [[nodiscard]] std::int64_t references(int block) const {
    std::int64_t count = 0;
    for (const auto& [id, table] : tables_) {
      count += std::count(table.begin(), table.end(), block);
    }
    return count;
  }

  // The one that has had the key for longest.
  [[nodiscard]] std::optional<int> find(std::uint64_t content) const {
    std::optional<int> first;
    for (const auto& [block, key] : keys_) {
      if (key.content == content && (!first || key.registered < keys_.at(*first).registered)) {
        first = block;
      }
    }
    return first;
  }

  void grow(int id, std::int64_t count) {
    while (static_cast<std::int64_t>(tables_[id].size()) < count) {
      tables_[id].push_back(free_.front());
      keys_.erase(free_.front());
      free_.pop_front();
    }
  }

  FreedBlocks freed_;
  std::list<int> free_;
  std::map<int, Key> keys_;
  std::map<int, std::vector<int>> tables_;
  std::map<int, ContentKeys> contents_;
  std::int64_t registrations_ = 0;
};

struct Running {
  KvSequence sequence;
  std::int64_t known = 0;
  std::int64_t computed = 0;
};

class Program {
 public:
  Program(FreedBlocks freed, std::uint64_t seed)
      : kv_(make_kv_cache(spec(), pool(freed))), plain_(freed), random_(seed) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      const int id = static_cast<int>(upto(5));
      if (running_.count(id) == 0) {
        ASSERT_NO_FATAL_FAILURE(admit(id));
      } else if (upto(5) == 0) {
        kv_->release(SequenceId{static_cast<std::uint32_t>(id)});
        plain_.release(id);
        running_.erase(id);
      } else {
        ASSERT_NO_FATAL_FAILURE(extend(id));
      }
      kv_->audit();
      ASSERT_EQ(kv_->free_blocks()->count(), plain_.num_free());
      ASSERT_EQ(kv_->usage().cached_prefix, Bytes{plain_.num_cached() * block_size});
    }
  }

  std::int64_t hits = 0;
  std::int64_t refusals = 0;

 private:
  static PagedKvSpec spec() {
    PagedKvSpec spec;
    spec.block_size = Tokens{block_size};
    spec.num_blocks = Blocks{num_blocks};
    spec.watermark = (watermark + 0.5) / num_blocks;
    spec.prefix_caching = true;
    return spec;
  }
  static KvPool pool(FreedBlocks freed) {
    KvPool pool;
    pool.bytes_per_token = Bytes{1};
    pool.max_model_len = Tokens{80};
    pool.freed_blocks = freed;
    pool.null_block = true;
    return pool;
  }

  std::int64_t upto(std::int64_t greatest) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(greatest + 1));
  }

  // Few contents, so that they come back.
  void admit(int id) {
    Running running;
    KvSequence& sequence = running.sequence;
    sequence.id = SequenceId{static_cast<std::uint32_t>(id)};
    sequence.prompt = Tokens{1 + upto(35)};
    sequence.output = Tokens{1 + upto(20)};
    sequence.content.group = upto(1);
    sequence.content.shared_prefix = Tokens{upto(1) * 13};
    sequence.content.conversation = upto(3);
    running.known = sequence.prompt.count() + upto(1) * upto(5);
    const std::vector<int> found = plain_.hits(sequence.content, running.known);
    const Tokens cached = kv_->cached_prefix(sequence, Tokens{running.known});
    ASSERT_EQ(cached.count(), static_cast<std::int64_t>(found.size()) * block_size);
    hits += static_cast<std::int64_t>(found.size());
    running.computed = cached.count() + 1 + upto(running.known - cached.count() - 1);
    Admission admission;
    admission.entries = Tokens{running.computed};
    admission.cached = cached;
    admission.must_fit = Tokens{upto(1) * running.known};
    admission.watermark_applies = upto(1) == 0;
    KvWork work;
    const Grant answer = kv_->admit(sequence, admission, work);
    ASSERT_EQ(answer, plain_.admit(id, sequence.content, found, admission));
    if (answer == Grant::ok) {
      running_[id] = running;
      settle(id, running.computed - cached.count());
    } else {
      ++refusals;
    }
  }

  void extend(int id) {
    Running& running = running_[id];
    if (running.computed == running.known) {
      ++running.known;
    }
    const std::int64_t more = 1 + upto(running.known - running.computed - 1);
    KvWork work;
    const Grant answer = kv_->extend(running.sequence.id, Tokens{running.computed + more}, work);
    ASSERT_EQ(answer, plain_.extend(id, running.computed + more));
    if (answer == Grant::ok) {
      running.computed += more;
      settle(id, more);
    } else {
      ++refusals;
    }
  }

  void settle(int id, std::int64_t written) {
    const Running& running = running_[id];
    kv_->publish(running.sequence.id, Tokens{running.computed});
    plain_.publish(id, running.computed);
    kv_->write(running.sequence.id, Tokens{written});
  }

  std::unique_ptr<KvCache> kv_;
  NaivePrefixCache plain_;
  std::mt19937_64 random_;
  std::map<int, Running> running_;
};

TEST(PrefixCachingProperty, HitsAnswersAndEvictionsEqualThePlainModels) {
  std::int64_t hits = 0;
  std::int64_t refusals = 0;
  for (const FreedBlocks freed : {FreedBlocks::unkeyed_in_front, FreedBlocks::all_at_the_back}) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      Program program(freed, seed);
      ASSERT_NO_FATAL_FAILURE(program.run(400));
      hits += program.hits;
      refusals += program.refusals;
    }
  }
  EXPECT_GT(hits, 1'000);
  EXPECT_GT(refusals, 1'000);
}

}  // namespace
}  // namespace tessera
