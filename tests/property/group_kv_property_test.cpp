// Requests of several sequences: the paged manager against block tables that are kept one by one,
// as vLLM v0's block manager keeps them (allocate, fork, append_slot, free, swap), in a random
// program of admissions, steps, forks of beams, swaps and releases.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "tessera/core/random.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

constexpr std::int64_t block_size = 4;

// A block that sequences refer to, and what is written in it.
struct NaiveBlock {
  std::int64_t references = 0;
  std::int64_t written = 0;
};

class NaiveGroups {
 public:
  explicit NaiveGroups(std::int64_t num_blocks) : free_(num_blocks) {}

  struct Group {
    std::vector<std::vector<int>> tables;  // by sequence
    std::int64_t prompt = 0;
    std::int64_t length = 0;   // entries that there is room for
    std::int64_t written = 0;  // by each sequence
    bool on_device = true;
  };

  bool admit(int id, std::int64_t sequences, std::int64_t prompt) {
    const std::int64_t blocks = (prompt + block_size - 1) / block_size;
    if (blocks > free_) {
      return false;
    }
    Group group;
    group.prompt = group.length = prompt;
    std::vector<int> table;
    for (std::int64_t i = 0; i < blocks; ++i) {
      table.push_back(take());
      blocks_.at(table.back()).references = sequences;
    }
    group.tables.assign(static_cast<std::size_t>(sequences), table);
    groups_[id] = group;
    return true;
  }

  // What appending a slot to each sequence in turn takes; nothing if it does not fit.
  std::optional<std::int64_t> append(int id) {
    const auto before = *this;
    Group& group = groups_.at(id);
    std::int64_t copies = 0;
    for (std::vector<int>& table : group.tables) {
      if (group.length % block_size == 0) {
        if (free_ == 0) {
          *this = before;
          return std::nullopt;
        }
        table.push_back(take());
        blocks_.at(table.back()).references = 1;
      } else if (blocks_.at(table.back()).references > 1) {
        if (free_ == 0) {
          *this = before;
          return std::nullopt;
        }
        --blocks_.at(table.back()).references;
        table.back() = take();
        blocks_.at(table.back()).references = 1;
        ++copies;
      }
    }
    ++group.length;
    return copies;
  }

  void write(int id) {
    Group& group = groups_.at(id);
    group.written = group.length;
    for (const std::vector<int>& table : group.tables) {
      for (std::size_t i = 0; i < table.size(); ++i) {
        const std::int64_t begin = static_cast<std::int64_t>(i) * block_size;
        blocks_.at(table[i]).written =
            std::clamp<std::int64_t>(group.written - begin, 0, block_size);
      }
    }
  }

  void continue_from(int id, const std::vector<std::int64_t>& parents) {
    Group& group = groups_.at(id);
    std::vector<std::vector<int>> next;
    for (const std::int64_t parent : parents) {
      next.push_back(group.tables.at(static_cast<std::size_t>(parent)));
      for (const int block : next.back()) {
        ++blocks_.at(block).references;
      }
    }
    drop(group);
    group.tables = next;
  }

  void release(int id) {
    if (groups_.at(id).on_device) {
      drop(groups_.at(id));
    }
    groups_.erase(id);
  }

  void swap_out(int id) {
    groups_.at(id).on_device = false;
    free_ += distinct(id);
  }
  void swap_in(int id) {
    groups_.at(id).on_device = true;
    free_ -= distinct(id);
  }

  [[nodiscard]] std::int64_t distinct(int id) const {
    std::set<int> blocks;
    for (const std::vector<int>& table : groups_.at(id).tables) {
      blocks.insert(table.begin(), table.end());
    }
    return static_cast<std::int64_t>(blocks.size());
  }
  [[nodiscard]] std::int64_t live() const {
    std::set<int> blocks;
    for (const auto& [id, group] : groups_) {
      for (const std::vector<int>& table : group.tables) {
        if (group.on_device) {
          blocks.insert(table.begin(), table.end());
        }
      }
    }
    std::int64_t live = 0;
    for (const int block : blocks) {
      live += blocks_.at(block).written;
    }
    return live;
  }
  [[nodiscard]] std::int64_t free() const { return free_; }
  [[nodiscard]] const std::map<int, Group>& groups() const { return groups_; }

 private:
  int take() {
    --free_;
    const int block = next_++;
    blocks_[block] = {};
    return block;
  }
  void drop(Group& group) {
    for (const std::vector<int>& table : group.tables) {
      for (const int block : table) {
        if (--blocks_.at(block).references == 0) {
          blocks_.erase(block);
          ++free_;
        }
      }
    }
  }

  std::int64_t free_;
  int next_ = 0;
  std::map<int, NaiveBlock> blocks_;
  std::map<int, Group> groups_;
};

class Program {
 public:
  explicit Program(std::uint64_t seed) : dice_(seed, "groups"), naive_(num_blocks) {
    PagedKvSpec spec;
    spec.block_size = Tokens{block_size};
    spec.num_blocks = Blocks{num_blocks};
    KvPool pool;
    pool.bytes_per_token = Bytes{2};
    pool.max_model_len = Tokens{1'000};
    pool.host_bytes = Bytes{2 * block_size * 1'000};
    pool.watermark_always = true;
    kv_ = make_kv_cache(spec, pool);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      kv_->audit();
      ASSERT_EQ(kv_->free_blocks()->count(), naive_.free());
      ASSERT_EQ(kv_->usage().live, Bytes{2 * naive_.live()});
      ASSERT_EQ(kv_->usage().total(), kv_->pool());
    }
  }
  [[nodiscard]] std::int64_t copies() const { return copies_; }

 private:
  static constexpr std::int64_t num_blocks = 60;

  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(dice_() % static_cast<std::uint64_t>(n));
  }

  void step() {
    if (naive_.groups().empty() || below(6) == 0) {
      admit();
      return;
    }
    auto at = naive_.groups().begin();
    std::advance(at, below(static_cast<std::int64_t>(naive_.groups().size())));
    const int id = at->first;
    if (!at->second.on_device) {
      swap_in_or_release(id);
    } else if (below(12) == 0) {
      kv_->release(SequenceId{static_cast<std::uint32_t>(id)});
      naive_.release(id);
    } else if (below(12) == 0) {
      KvWork work;
      ASSERT_EQ(kv_->swap_out(SequenceId{static_cast<std::uint32_t>(id)}, work), Grant::ok);
      EXPECT_EQ(work.swapped_out, Bytes{2 * block_size * naive_.distinct(id)});
      naive_.swap_out(id);
    } else {
      decode(id, at->second);
    }
  }

  void admit() {
    const int id = next_id_++;
    KvSequence sequence;
    sequence.id = SequenceId{static_cast<std::uint32_t>(id)};
    sequence.prompt = Tokens{1 + below(20)};
    sequence.output = Tokens{1 + below(40)};
    sequence.num_sequences = 2 + below(4);
    KvWork work;
    const Admission admission{.entries = sequence.prompt, .known = sequence.prompt};
    const bool fits = naive_.admit(id, sequence.num_sequences, sequence.prompt.count());
    ASSERT_EQ(kv_->admit(sequence, admission, work) == Grant::ok, fits);
    if (fits) {
      kv_->write(sequence.id, sequence.prompt);
      naive_.write(id);
    }
  }

  void swap_in_or_release(int id) {
    const SequenceId sequence{static_cast<std::uint32_t>(id)};
    if (below(3) == 0) {
      kv_->release(sequence);
      naive_.release(id);
      return;
    }
    // vLLM's rule: the blocks and one for each sequence.
    const auto sequences = static_cast<std::int64_t>(naive_.groups().at(id).tables.size());
    const bool fits = naive_.distinct(id) + sequences <= naive_.free();
    KvWork work;
    ASSERT_EQ(kv_->swap_in(sequence, work) == Grant::ok, fits);
    if (fits) {
      naive_.swap_in(id);
    }
  }

  void decode(int id, const NaiveGroups::Group& group) {
    const SequenceId sequence{static_cast<std::uint32_t>(id)};
    const std::int64_t length = group.length;
    const auto sequences = static_cast<std::int64_t>(group.tables.size());
    const std::optional<std::int64_t> copies = naive_.append(id);
    KvWork work;
    ASSERT_EQ(kv_->extend(sequence, Tokens{length + 1}, work) == Grant::ok, copies.has_value());
    if (!copies) {
      return;
    }
    EXPECT_EQ(work.copied, Bytes{2 * block_size * *copies});
    copies_ += *copies;
    kv_->write(sequence, Tokens{1});
    naive_.write(id);
    if (below(2) == 0) {
      std::vector<std::int64_t> parents;
      for (std::int64_t i = 0; i < sequences; ++i) {
        parents.push_back(below(sequences));
      }
      kv_->continue_from(sequence, parents);
      naive_.continue_from(id, parents);
    }
  }

  RandomStream dice_;
  NaiveGroups naive_;
  std::unique_ptr<KvCache> kv_;
  int next_id_ = 0;
  std::int64_t copies_ = 0;
};

TEST(GroupKv, SharesAndCopiesAsBlockTablesDo) {
  std::int64_t copies = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Program program(seed);
    program.run(400);
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
    copies += program.copies();
  }
  EXPECT_GT(copies, 1'000);
}

}  // namespace
}  // namespace tessera
