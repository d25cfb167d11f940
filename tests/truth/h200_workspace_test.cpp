// Peaks of real Hugging Face forward passes on an H200 (gpt2 and llama-7b, fp16; eager and sdpa
// attention; logits of the last and of all positions) against the pass run through the allocator.
// Nothing is fitted: the sequence of tensors is transformers' own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/memory/forward_pass.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

ForwardPass pass_of(const std::vector<std::string>& row) {
  const std::string& setting = row[5];
  return {
      .batch = std::stoll(row[2]),
      .new_tokens = Tokens{std::stoll(row[3])},
      .context = Tokens{std::stoll(row[4])},
      .attention = setting.starts_with("eager") ? AttentionKernel::eager : AttentionKernel::sdpa,
      .logits = setting.ends_with("logits=all") ? LogitsOf::all : LogitsOf::last};
}

TEST(H200Workspace, EveryMeasuredPeakIsMet) {
  const std::string data = TESSERA_DATA_DIR;
  if (data.empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so no workspace was compared");
    return;
  }
  std::vector<double> errors;
  double worst_prefill = 0.0;
  double worst_decode = 0.0;
  for (const std::string& line : lines_of(data + "/measured/h200_hf_workspace.csv")) {
    const auto row = cells_of(line);
    const bool decode = row[1] == "decode";
    if (row[1] != "prefill" && !decode) {
      continue;
    }
    const ForwardMemory memory = forward_memory(model_preset(row[0]), {}, pass_of(row));
    const double error =
        100.0 * (static_cast<double>(memory.peak.count()) / std::stod(row[6]) - 1.0);
    EXPECT_LE(std::fabs(error), decode ? 2.0 : 1.5) << line << ": " << memory.peak.count();
    double& worst = decode ? worst_decode : worst_prefill;
    worst = std::max(worst, std::fabs(error));
    errors.push_back(std::fabs(error));
  }
  ASSERT_EQ(errors.size(), 84u);
  std::sort(errors.begin(), errors.end());
  std::printf("84 peaks: median error %.3f %%, worst prefill %.2f %%, worst decode %.2f %%\n",
              errors[errors.size() / 2], worst_prefill, worst_decode);
}

}  // namespace
}  // namespace tessera
