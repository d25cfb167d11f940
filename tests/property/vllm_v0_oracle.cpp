#include "tests/property/vllm_v0_oracle.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

namespace tessera::oracle {
namespace {

struct Group {
  std::size_t job = 0;
  std::int64_t generated = 0;
  std::vector<std::vector<int>> tables;  // of blocks, by sequence
};

class Machine {
 public:
  Machine(const GroupSettings& settings, const std::vector<GroupJob>& jobs,
          const DrawParents& draw_parents)
      : s_(settings), jobs_(jobs), draw_parents_(draw_parents), outcomes_(jobs.size()) {}

  std::vector<GroupOutcome> run() {
    while (true) {
      for (; next_ < jobs_.size() && jobs_[next_].arrival <= now_; ++next_) {
        waiting_.push_back({.job = next_, .generated = 0, .tables = {}});
      }
      if (running_.empty() && waiting_.empty() && swapped_.empty()) {
        if (next_ == jobs_.size()) {
          return outcomes_;
        }
        now_ = jobs_[next_].arrival;
        continue;
      }
      step();
    }
  }

 private:
  [[nodiscard]] const GroupJob& job(const Group& group) const { return jobs_[group.job]; }
  [[nodiscard]] std::int64_t known(const Group& group) const {
    return job(group).prompt + group.generated;
  }
  [[nodiscard]] std::int64_t free() const {
    return s_.num_blocks - static_cast<std::int64_t>(references_.size());
  }
  [[nodiscard]] std::int64_t sequences_running() const {
    std::int64_t sum = 0;
    for (const Group& group : running_) {
      sum += job(group).sequences;
    }
    return sum;
  }

  void step() {
    std::vector<Group> computed;
    const bool prefills = swapped_.empty() && admit(computed);
    if (!prefills) {
      decode(computed);
    }
    std::int64_t ticks = 100'000;
    for (const Group& group : computed) {
      const std::int64_t rows = job(group).sequences;
      ticks += prefills ? 1'000 * known(group) : rows * (1'000 + known(group));
    }
    now_ += ticks;
    for (Group& group : computed) {
      sample(group);
    }
  }

  bool admit(std::vector<Group>& computed) {
    std::int64_t budget = s_.token_budget;
    std::int64_t sequences = sequences_running();
    while (!waiting_.empty()) {
      Group group = waiting_.front();
      const std::int64_t blocks = (known(group) + s_.block_size - 1) / s_.block_size;
      if (known(group) > budget || sequences + job(group).sequences > s_.max_num_seqs ||
          free() - blocks < s_.watermark_blocks) {
        break;
      }
      waiting_.pop_front();
      std::vector<int> table;
      for (std::int64_t i = 0; i < blocks; ++i) {
        table.push_back(take(job(group).sequences));
      }
      group.tables.assign(static_cast<std::size_t>(job(group).sequences), table);
      budget -= known(group);
      sequences += job(group).sequences;
      computed.push_back(group);
    }
    return !computed.empty();
  }

  void decode(std::vector<Group>& computed) {
    std::vector<Group> recomputed;
    std::vector<Group> moved;
    bool preempted = false;
    const auto preempt = [&](Group group) {
      ++outcomes_[group.job].preemptions;
      preempted = true;
      const bool swaps = job(group).sequences > 1;
      give_back(group);
      group.tables = swaps ? group.tables : std::vector<std::vector<int>>{};
      (swaps ? moved : recomputed).push_back(group);
    };
    while (!running_.empty()) {
      Group group = running_.front();
      running_.pop_front();
      bool runs = true;
      while (runs && free() < job(group).sequences) {
        if (running_.empty()) {
          preempt(group);
          runs = false;
        } else {
          preempt(running_.back());
          running_.pop_back();
        }
      }
      if (runs) {
        append(group);
        computed.push_back(group);
      }
    }
    std::int64_t sequences = 0;
    for (const Group& group : computed) {
      sequences += job(group).sequences;
    }
    while (!preempted && !swapped_.empty()) {
      Group group = swapped_.front();
      const std::int64_t rows = job(group).sequences;
      if (sequences + rows > s_.max_num_seqs ||
          free() - (distinct(group) + rows) < s_.watermark_blocks) {
        break;
      }
      swapped_.pop_front();
      bring_back(group);
      append(group);
      computed.push_back(group);
      sequences += rows;
    }
    for (const Group& group : recomputed) {
      waiting_.push_front(group);
    }
    swapped_.insert(swapped_.end(), moved.begin(), moved.end());
  }

  // A slot for the last known token of each sequence, in a block of its own.
  void append(Group& group) {
    for (std::vector<int>& table : group.tables) {
      if ((known(group) - 1) % s_.block_size == 0) {
        table.push_back(take(1));
      } else if (references_.at(table.back()) > 1) {
        --references_.at(table.back());
        table.back() = take(1);
      }
    }
  }

  void sample(Group& group) {
    ++group.generated;
    GroupOutcome& outcome = outcomes_[group.job];
    outcome.first_token = group.generated == 1 ? now_ : outcome.first_token;
    if (group.generated == job(group).output) {
      outcome.finished = now_;
      give_back(group);
      return;
    }
    if (job(group).beams) {
      Group next = group;
      for (std::size_t i = 0; i < next.tables.size(); ++i) {
        continue_from(group, next.tables[i], parents_of(group)[i]);
      }
      parents_.clear();
      give_back(group);
      group = next;
    }
    running_.push_back(group);
  }

  const std::vector<std::int64_t>& parents_of(const Group& group) {
    if (parents_.empty()) {
      parents_ = draw_parents_(group.job);
    }
    return parents_;
  }
  void continue_from(const Group& group, std::vector<int>& table, std::int64_t parent) {
    table = group.tables.at(static_cast<std::size_t>(parent));
    for (const int block : table) {
      ++references_.at(block);
    }
  }

  int take(std::int64_t references) {
    references_[next_block_] = references;
    return next_block_++;
  }
  void give_back(const Group& group) {
    for (const std::vector<int>& table : group.tables) {
      for (const int block : table) {
        if (--references_.at(block) == 0) {
          references_.erase(block);
        }
      }
    }
  }
  static std::int64_t distinct(const Group& group) {
    std::set<int> blocks;
    for (const std::vector<int>& table : group.tables) {
      blocks.insert(table.begin(), table.end());
    }
    return static_cast<std::int64_t>(blocks.size());
  }
  void bring_back(const Group& group) {
    for (const std::vector<int>& table : group.tables) {
      for (const int block : table) {
        ++references_[block];
      }
    }
  }

  GroupSettings s_;
  std::vector<GroupJob> jobs_;
  DrawParents draw_parents_;
  std::vector<GroupOutcome> outcomes_;
  std::deque<Group> waiting_;
  std::deque<Group> running_;
  std::deque<Group> swapped_;
  std::map<int, std::int64_t> references_;  // of the blocks that are in use
  std::vector<std::int64_t> parents_;
  int next_block_ = 0;
  std::int64_t now_ = 0;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<GroupOutcome> run_groups(const GroupSettings& settings,
                                     const std::vector<GroupJob>& jobs,
                                     const DrawParents& draw_parents) {
  return Machine(settings, jobs, draw_parents).run();
}

}  // namespace tessera::oracle
