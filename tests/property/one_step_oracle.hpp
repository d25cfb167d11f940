// An engine written a second time, as plainly as possible: lists that are searched, blocks that are
// counted by dividing up, one step at a time, whole ticks of 100 ns. It shares no code with Tessera
// beyond the request, and knows nothing of ledgers, slots or records.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tessera::oracle {

struct Job {
  std::int64_t arrival = 0;  // ticks
  std::int64_t prompt = 0;
  std::int64_t output = 0;
};

struct Outcome {
  bool rejected = false;
  std::int64_t first_token = 0;  // ticks
  std::int64_t finished = 0;
  std::int64_t output = 0;
  std::int64_t preemptions = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

enum class Rules { vllm_v1, orca, faster_transformer };

struct Settings {
  Rules rules = Rules::vllm_v1;
  std::int64_t block_size = 16;
  std::int64_t usable_blocks = 64;
  std::int64_t watermark_blocks = 0;
  std::int64_t max_num_seqs = 8;
  std::int64_t token_budget = 64;
  std::int64_t threshold = 0;
  std::int64_t max_model_len = 512;
  bool chunked = true;
  bool whole_prompt_gate = true;
};

[[nodiscard]] std::vector<Outcome> run(const Settings& settings, const std::vector<Job>& jobs);

}  // namespace tessera::oracle
