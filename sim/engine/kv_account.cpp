#include "sim/engine/kv_account.hpp"

#include <algorithm>
#include <utility>

#include "tessera/core/contract.hpp"

namespace tessera {

bool KvAccount::change(SequenceId id, const SequenceKvUsage& usage, SimTime now) {
  TESSERA_INVARIANT(usage.written <= usage.reserved, "written <= reserved");
  if (index_of(id) >= entries_.size()) {
    entries_.resize(index_of(id) + 1);
  }
  Entry& entry = entries_[index_of(id)];
  if (usage.written == entry.usage.written && usage.reserved == entry.usage.reserved) {
    return false;
  }
  const Bytes wasted = entry.usage.reserved - entry.usage.written;
  entry.totals.wasted_byte_picoseconds += wasted.count() * (now - entry.since).picoseconds();
  entry.totals.peak_written = std::max(entry.totals.peak_written, usage.written);
  entry.totals.peak_reserved = std::max(entry.totals.peak_reserved, usage.reserved);
  entry.usage = usage;
  entry.since = now;
  return true;
}

void KvAccount::go_on(SequenceId id, const Growth& growth) {
  Entry& entry = entries_[index_of(id)];
  SequenceKvUsage& usage = entry.usage;
  const SimTime end = growth.start + growth.length;
  Int128& wasted = entry.totals.wasted_byte_picoseconds;
  wasted += (usage.reserved - usage.written).count() * (end - entry.since).picoseconds();
  wasted += growth.reserved_byte_picoseconds - growth.moment * growth.written.count();
  usage.written += growth.written * growth.steps;
  usage.reserved += growth.reserved;
  TESSERA_INVARIANT(usage.written <= usage.reserved, "written <= reserved");
  entry.totals.peak_written = std::max(entry.totals.peak_written, usage.written);
  entry.totals.peak_reserved = std::max(entry.totals.peak_reserved, usage.reserved);
  entry.since = end;
}

KvAccount::Totals KvAccount::close(SequenceId id) {
  if (index_of(id) >= entries_.size()) {
    return {};
  }
  const Entry entry = std::exchange(entries_[index_of(id)], Entry{});
  TESSERA_INVARIANT(entry.usage.reserved == Bytes{0}, "who has left holds no KV");
  return entry.totals;
}

}  // namespace tessera
