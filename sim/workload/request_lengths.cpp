#include "sim/workload/request_lengths.hpp"

#include <algorithm>

#include "sim/workload/line_reader.hpp"
#include "sim/workload/uniform.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

bool name_one_file(const WorkloadSpec& spec, const std::string& directory) {
  if (!spec.prompt_tokens || !spec.output_tokens) {
    return false;
  }
  const auto* const prompt = std::get_if<EmpiricalLength>(&*spec.prompt_tokens);
  const auto* const output = std::get_if<EmpiricalLength>(&*spec.output_tokens);
  return prompt != nullptr && output != nullptr &&
         resolve_path(prompt->file.path, directory) == resolve_path(output->file.path, directory);
}

}  // namespace

RequestLengths::RequestLengths(const WorkloadSpec& spec, std::uint64_t seed,
                               const std::string& directory)
    : max_total_(spec.max_total_tokens), row_stream_(seed, "rows") {
  if (spec.prompt_tokens) {
    prompt_.emplace(*spec.prompt_tokens, seed, "prompt_tokens", directory);
  }
  if (spec.output_tokens) {
    output_.emplace(*spec.output_tokens, seed, "output_tokens", directory);
  }
  if (spec.max_output_tokens) {
    max_output_.emplace(*spec.max_output_tokens, seed, "max_output_tokens", directory);
  }
  if (name_one_file(spec, directory)) {
    joint_rows_ = prompt_->law().num_rows();
    TESSERA_INVARIANT(joint_rows_ == output_->law().num_rows(),
                      "columns of one file are equally long");
  }
  draws_two_ = prompt_ && output_ && joint_rows_ == 0 && !max_output_ && !max_total_;
}

void RequestLengths::apply_any(Request& request, SourceCounts& counts) {
  if (joint_rows_ > 0) {
    const std::int64_t row = draw_between(row_stream_, 0, joint_rows_ - 1);
    request.prompt = prompt_->law().in_row(row, counts.clamped_prompts);
    request.output = output_->law().in_row(row, counts.clamped_outputs);
  } else {
    if (prompt_) {
      request.prompt = prompt_->next(counts.clamped_prompts);
    }
    if (output_) {
      request.output = output_->next(counts.clamped_outputs);
    }
  }
  if (max_output_) {
    request.max_output = max_output_->next(counts.clamped_outputs);
  }
  if (max_total_ && request.prompt + request.output > *max_total_) {
    // A prompt that leaves no room still asks for one token: the engine says that it cannot be
    // served.
    const Tokens room = std::max(*max_total_ - request.prompt, Tokens{1});
    counts.shortened_outputs += room < request.output ? 1 : 0;
    request.output = std::min(request.output, room);
  }
  if (max_total_ && request.max_output) {
    request.max_output =
        std::min(*request.max_output, std::max(*max_total_ - request.prompt, Tokens{1}));
  }
}

}  // namespace tessera
