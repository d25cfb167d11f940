#include "tests/property/one_step_oracle.hpp"

#include <algorithm>
#include <limits>

namespace tessera::oracle {
namespace {

struct Row {
  std::size_t job = 0;
  std::int64_t generated = 0;
  std::int64_t computed = 0;
  std::int64_t blocks = 0;
  std::int64_t planned = 0;  // tokens in this step
  bool decodes = false;
};

std::int64_t blocks_for(std::int64_t tokens, std::int64_t size) {
  return (tokens + size - 1) / size;
}

class Machine {
 public:
  Machine(const Settings& settings, const std::vector<Job>& jobs)
      : s_(settings), jobs_(jobs), outcomes_(jobs.size()), free_(settings.usable_blocks) {}

  std::vector<Outcome> run() {
    while (true) {
      take_arrivals();
      if (running_.empty() && waiting_.empty()) {
        if (next_ == jobs_.size()) {
          return outcomes_;
        }
        now_ = std::max(now_, jobs_[next_].arrival);
        continue;
      }
      plan();
      finish_step();
    }
  }

 private:
  [[nodiscard]] std::int64_t known(const Row& row) const {
    return jobs_[row.job].prompt + row.generated;
  }
  [[nodiscard]] std::int64_t target(std::size_t job) const {
    return std::min(jobs_[job].output, s_.max_model_len - jobs_[job].prompt);
  }
  [[nodiscard]] bool reserves() const { return s_.rules != Rules::vllm_v1; }

  void take_arrivals() {
    for (; next_ < jobs_.size() && jobs_[next_].arrival <= now_; ++next_) {
      const Job& job = jobs_[next_];
      const std::int64_t most = reserves() ? s_.max_model_len : job.prompt + target(next_) - 1;
      if (job.prompt >= s_.max_model_len || blocks_for(most, s_.block_size) > s_.usable_blocks) {
        outcomes_[next_].rejected = true;
      } else {
        waiting_.push_back({.job = next_});
      }
    }
  }

  void plan() {
    for (Row& row : running_) {
      row.planned = 0;
    }
    if (s_.rules == Rules::vllm_v1) {
      plan_vllm_v1();
      return;
    }
    const bool joins = s_.rules == Rules::orca || running_.empty();
    for (Row& row : running_) {
      row.planned = 1;
      row.decodes = true;
    }
    while (joins && !waiting_.empty() && size(running_) < s_.max_num_seqs &&
           blocks_for(s_.max_model_len, s_.block_size) <= free_) {
      Row row = waiting_.front();
      waiting_.erase(waiting_.begin());
      row.blocks = blocks_for(s_.max_model_len, s_.block_size);
      free_ -= row.blocks;
      row.planned = jobs_[row.job].prompt;
      row.decodes = false;
      running_.push_back(row);
    }
  }

  void plan_vllm_v1() {
    std::int64_t budget = s_.token_budget;
    bool preempted = false;
    for (std::size_t i = 0; i < running_.size() && budget > 0; ++i) {
      std::int64_t n = known(running_[i]) - running_[i].computed;
      if (s_.threshold > 0) {
        n = std::min(n, s_.threshold);
      }
      n = std::min(n, budget);
      while (true) {
        const std::int64_t need =
            blocks_for(running_[i].computed + n, s_.block_size) - running_[i].blocks;
        if (need <= free_) {
          free_ -= std::max<std::int64_t>(need, 0);
          running_[i].blocks += std::max<std::int64_t>(need, 0);
          running_[i].planned = n;
          running_[i].decodes =
              running_[i].generated > 0 && n == 1 && running_[i].computed + 1 == known(running_[i]);
          budget -= n;
          break;
        }
        preempted = true;
        const std::size_t last = running_.size() - 1;
        preempt_last();
        if (last == i) {
          break;
        }
      }
    }
    if (!preempted) {
      admit(budget);
    }
  }

  void preempt_last() {
    Row row = running_.back();
    running_.pop_back();
    free_ += row.blocks;
    row.blocks = 0;
    row.computed = 0;
    ++outcomes_[row.job].preemptions;
    waiting_.insert(waiting_.begin(), row);
  }

  void admit(std::int64_t budget) {
    while (!waiting_.empty() && budget > 0 && size(running_) < s_.max_num_seqs) {
      Row row = waiting_.front();
      std::int64_t n = known(row);
      if (s_.threshold > 0) {
        n = std::min(n, s_.threshold);
      }
      if (!s_.chunked && n > budget) {
        return;
      }
      n = std::min(n, budget);
      const std::int64_t kept = running_.empty() ? 0 : s_.watermark_blocks;
      const std::int64_t whole = std::min(known(row), s_.max_model_len);
      if (s_.whole_prompt_gate && blocks_for(whole, s_.block_size) + kept > free_) {
        return;
      }
      if (blocks_for(n, s_.block_size) + kept > free_) {
        return;
      }
      waiting_.erase(waiting_.begin());
      row.blocks = blocks_for(n, s_.block_size);
      free_ -= row.blocks;
      row.planned = n;
      row.decodes = false;
      running_.push_back(row);
      budget -= n;
    }
  }

  void finish_step() {
    std::int64_t tokens = 0;
    std::int64_t context = 0;
    for (const Row& row : running_) {
      tokens += row.planned;
      context += row.decodes && row.planned > 0 ? row.computed + 1 : 0;
    }
    now_ += 100'000 + 1'000 * tokens + context;
    std::vector<Row> staying;
    for (Row row : running_) {
      row.computed += row.planned;
      if (row.planned > 0 && row.computed == known(row)) {
        ++row.generated;
        if (row.generated == 1) {
          outcomes_[row.job].first_token = now_;
        }
      }
      if (row.generated == target(row.job)) {
        outcomes_[row.job].finished = now_;
        outcomes_[row.job].output = row.generated;
        free_ += row.blocks;
      } else {
        staying.push_back(row);
      }
    }
    running_ = staying;
  }

  [[nodiscard]] static std::int64_t size(const std::vector<Row>& rows) {
    return static_cast<std::int64_t>(rows.size());
  }

  Settings s_;
  std::vector<Job> jobs_;
  std::vector<Outcome> outcomes_;
  std::vector<Row> running_;
  std::vector<Row> waiting_;
  std::int64_t free_;
  std::int64_t now_ = 0;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<Outcome> run(const Settings& settings, const std::vector<Job>& jobs) {
  return Machine(settings, jobs).run();
}

}  // namespace tessera::oracle
