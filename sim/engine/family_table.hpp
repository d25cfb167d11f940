// Requests whose sequences are served one by one, each as if it were a request (vLLM v1's
// ParentRequest): what is recorded of such a request once the last of them has ended.
//
// It is scheduled, and has its first token, with the first of them, and ends with the last, whose
// time is where the request's time went. Its preemptions and its KV are those of all of them.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "sim/engine/kv_account.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/memory/kv_cache.hpp"
#include "tessera/scheduling/sequence.hpp"

namespace tessera {

class FamilyTable {
 public:
  // A sequence of `request` is served, the next of its children.
  void add(const Request& request);

  // A child holds `usage` from `now` on. Returns what all of the family hold, if that is a change.
  [[nodiscard]] std::optional<SequenceKvUsage> hold(const Sequence& child,
                                                    const SequenceKvUsage& usage, SimTime now);

  // A child has left as `record` says. The family's record, when it was the last.
  [[nodiscard]] std::optional<RequestRecord> leave(const RequestRecord& record);

 private:
  struct Family {
    Request request;
    KvAccount account;
    std::vector<SequenceKvUsage> usages;  // by child
    std::int64_t living = 0;
    std::optional<RequestRecord> record;  // of those that have left
  };
  std::map<RequestId, Family> families_;
};

}  // namespace tessera
