#include "sim/engine/family_table.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// A family's account has one entry.
constexpr SequenceId whole_family{};

std::optional<SimTime> earlier(const std::optional<SimTime>& a, const std::optional<SimTime>& b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

// The family's record so far, and that of a child that leaves now.
RequestRecord together(const RequestRecord& before, const RequestRecord& last) {
  RequestRecord sum = last;
  const bool finished = before.status == RequestStatus::finished;
  sum.status = finished ? last.status : before.status;
  sum.scheduled = earlier(before.scheduled, last.scheduled);
  sum.first_token = earlier(before.first_token, last.first_token);
  sum.output = std::max(before.output, last.output);
  if (before.scheduled && before.scheduled == sum.scheduled) {
    sum.cached =
        before.scheduled == last.scheduled ? std::min(before.cached, last.cached) : before.cached;
  }
  sum.num_preemptions += before.num_preemptions;
  return sum;
}

}  // namespace

void FamilyTable::add(const Request& request) {
  Family& family = families_[request.id];
  if (family.living == 0) {
    family.request = request;
  }
  ++family.living;
  family.usages.emplace_back();
}

std::optional<SequenceKvUsage> FamilyTable::hold(const Sequence& child,
                                                 const SequenceKvUsage& usage, SimTime now) {
  Family& family = families_.at(child.request.id);
  family.usages.at(static_cast<std::size_t>(*child.child)) = usage;
  SequenceKvUsage sum;
  for (const SequenceKvUsage& each : family.usages) {
    sum.written += each.written;
    sum.reserved += each.reserved;
  }
  return family.account.update(whole_family, sum, now) ? std::optional(sum) : std::nullopt;
}

std::optional<RequestRecord> FamilyTable::leave(const RequestRecord& record) {
  const auto at = families_.find(record.request.id);
  TESSERA_INVARIANT(at != families_.end(), "a child has a family");
  Family& family = at->second;
  family.record = family.record ? together(*family.record, record) : record;
  if (--family.living > 0) {
    return std::nullopt;
  }
  RequestRecord whole = *family.record;
  whole.request = family.request;
  const KvAccount::Totals totals = family.account.close(whole_family);
  whole.kv_peak_written = totals.peak_written;
  whole.kv_peak_reserved = totals.peak_reserved;
  whole.kv_wasted_byte_picoseconds = totals.wasted_byte_picoseconds;
  families_.erase(at);
  return whole;
}

}  // namespace tessera
