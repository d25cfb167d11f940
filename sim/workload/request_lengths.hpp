// Gives requests their lengths: drawn, or as recorded where no law is given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/workload/length.hpp"
#include "tessera/core/random.hpp"
#include "tessera/workload/request_source.hpp"

namespace tessera {

class RequestLengths {
 public:
  RequestLengths(const WorkloadSpec& spec, std::uint64_t seed, const std::string& directory);

  // Whether prompts are drawn, whatever was recorded.
  [[nodiscard]] bool draws_prompts() const { return prompt_.has_value(); }
  // Replaces the recorded lengths in `request` by draws, and shortens its output to the total.
  void apply(Request& request, SourceCounts& counts) {
    if (draws_two_) {
      request.prompt = prompt_->next(counts.clamped_prompts);
      request.output = output_->next(counts.clamped_outputs);
    } else {
      apply_any(request, counts);
    }
  }

 private:
  void apply_any(Request& request, SourceCounts& counts);

  bool draws_two_ = false;  // a prompt and an output, each by itself, and nothing else
  std::optional<LengthDraws> prompt_;
  std::optional<LengthDraws> output_;
  std::optional<LengthDraws> max_output_;
  // Rows of the file that both lengths come from; 0: each is drawn by itself.
  std::int64_t joint_rows_ = 0;
  std::optional<Tokens> max_total_;
  RandomStream row_stream_;
};

}  // namespace tessera
