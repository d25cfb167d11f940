// Which engine was last sent which content: the keys of prompts' prefixes, in steps of 64 tokens.
//
// Memory is bounded: of two generations the older is forgotten when the younger is full. A prefix
// that is used goes into the younger one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "tessera/workload/request.hpp"

namespace tessera {

class PrefixTable {
 public:
  static constexpr std::int64_t step = 64;  // tokens
  static constexpr std::size_t generation = 1 << 20;

  struct Match {
    Tokens tokens{0};
    std::size_t engine = 0;
  };
  // The longest known prefix of the prompt; no tokens where there is none.
  [[nodiscard]] Match longest_match(const Request& request) const;
  // The prompt has been sent to `engine`.
  void remember(const Request& request, std::size_t engine);

 private:
  [[nodiscard]] const std::size_t* find(std::uint64_t key) const;

  // Looked up by key only, never walked: no result depends on their order.
  std::unordered_map<std::uint64_t, std::size_t> young_;
  std::unordered_map<std::uint64_t, std::size_t> old_;
};

}  // namespace tessera
