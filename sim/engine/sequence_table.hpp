// The sequences of one engine, at stable addresses, in slots that are used again.
#pragma once

#include <deque>
#include <vector>

#include "tessera/scheduling/sequence.hpp"

namespace tessera {

class SequenceTable {
 public:
  // A fresh sequence for `request`, whose output ends at `longest_output` at the latest.
  Sequence& insert(const Request& request, Tokens longest_output);
  // Precondition: it came from insert() and has not been erased.
  void erase(Sequence& sequence);

 private:
  std::deque<Sequence> sequences_;
  std::vector<SequenceId> free_;
};

}  // namespace tessera
