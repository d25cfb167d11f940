#include "sim/cli/generation_table.hpp"

#include "sim/cli/text.hpp"

namespace tessera {
namespace {

std::string giga(double flops) {
  return three_digits(flops / 1e9);
}

std::string milliseconds(Duration time) {
  return fixed(time.to_seconds() * 1e3, 3);
}

}  // namespace

std::string generation_table(const std::vector<GenerationRow>& rows) {
  Table table;
  for (const char* heading :
       {"step", "b", "s", "[b,s,h] B", "[b,s,V] B", "GFLOP", "ms", "done before", "| with cache:",
        "[b,n,h] B", "GFLOP", "ms", "cache B"}) {
    table.column(heading, Align::right);
  }
  for (const GenerationRow& row : rows) {
    const GenerationWork& without = row.without_cache;
    const GenerationWork& with = row.with_cache;
    table.row({grouped(row.iteration), grouped(row.batch_size),
               grouped(row.sequence_length.count()), grouped(without.hidden_states.count()),
               grouped(without.logits.count()), giga(without.flops), milliseconds(without.time),
               row.repeated ? percent(*row.repeated) : "-",
               "| n = " + grouped(with.tokens.count()), grouped(with.hidden_states.count()),
               giga(with.flops), milliseconds(with.time), grouped(row.kv_cache.count())});
  }
  return "The generation loop without a KV cache, and with one\n" + table.text();
}

}  // namespace tessera
