// vLLM v0's default scheduler with its block tables, written down as plainly as can be: for what
// requests of several sequences (parallel sampling, beam search) do to each other. Recorded traces
// prove the rules for requests of one sequence.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace tessera::oracle {

struct GroupSettings {
  std::int64_t block_size = 16;
  std::int64_t num_blocks = 64;
  std::int64_t watermark_blocks = 0;
  std::int64_t max_num_seqs = 8;
  std::int64_t token_budget = 2048;
};

struct GroupJob {
  std::int64_t arrival = 0;  // ticks of 100 ns
  std::int64_t prompt = 1;
  std::int64_t output = 1;
  std::int64_t sequences = 1;
  bool beams = false;
};

struct GroupOutcome {
  std::int64_t first_token = 0;
  std::int64_t finished = 0;
  std::int64_t preemptions = 0;
  friend bool operator==(const GroupOutcome&, const GroupOutcome&) = default;
};

// The parents of a job's beams after each of its steps.
using DrawParents = std::function<std::vector<std::int64_t>(std::size_t job)>;

// Precondition: each job fits the pool alone. A step takes 100000 + 1000·tokens + contexts ticks.
[[nodiscard]] std::vector<GroupOutcome> run_groups(const GroupSettings& settings,
                                                   const std::vector<GroupJob>& jobs,
                                                   const DrawParents& draw_parents);

}  // namespace tessera::oracle
