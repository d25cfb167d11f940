#include "sim/engine/sequence_table.hpp"

#include <algorithm>

namespace tessera {

Sequence& SequenceTable::insert(const Request& request, Tokens longest_output) {
  if (free_.empty()) {
    free_.push_back(static_cast<SequenceId>(sequences_.size()));
    sequences_.emplace_back();
  }
  const SequenceId id = free_.back();
  free_.pop_back();
  Sequence& sequence = sequences_[index_of(id)];
  sequence = Sequence{};
  sequence.request = request;
  const Tokens limit = std::min(request.max_output.value_or(longest_output), longest_output);
  sequence.output = std::min(request.output, limit);
  sequence.kv.id = id;
  sequence.kv.prompt = request.prompt;
  sequence.kv.output = sequence.output;
  sequence.kv.num_sequences = request.num_sequences;
  if (request.max_output) {
    sequence.kv.max_output = limit;
  }
  sequence.kv.content = request.content;
  return sequence;
}

void SequenceTable::erase(Sequence& sequence) {
  sequence.state = SequenceState::ended;
  free_.push_back(sequence.kv.id);
}

}  // namespace tessera
