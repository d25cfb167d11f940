#include "sim/engine/prefix_table.hpp"

#include <utility>

namespace tessera {

PrefixTable::Match PrefixTable::longest_match(const Request& request) const {
  Match match;
  for (std::int64_t end = step; end <= request.prompt.count(); end += step) {
    const std::size_t* engine = find(request.content.key(Tokens{end - 1}));
    if (engine == nullptr) {
      break;
    }
    match = {Tokens{end}, *engine};
  }
  return match;
}

void PrefixTable::remember(const Request& request, std::size_t engine) {
  for (std::int64_t end = step; end <= request.prompt.count(); end += step) {
    if (young_.size() >= generation) {
      old_ = std::exchange(young_, {});
    }
    young_[request.content.key(Tokens{end - 1})] = engine;
  }
}

const std::size_t* PrefixTable::find(std::uint64_t key) const {
  for (const auto* generation_of_keys : {&young_, &old_}) {
    if (const auto found = generation_of_keys->find(key); found != generation_of_keys->end()) {
      return &found->second;
    }
  }
  return nullptr;
}

}  // namespace tessera
