// A run as lines of text, a line a step, for tests that say what an engine must decide:
//   "0:48:p 1:16:p" the entries; "preempt 1"; "finish 0"; "free 3" blocks after scheduling.
#pragma once

#include <string>
#include <vector>

#include "tessera/engine/simulate.hpp"
#include "tests/support/listed_requests.hpp"

namespace tessera {

class StepLog final : public Recorder {
 public:
  void on_step(const StepRecord& record) override {
    std::string line;
    for (const StepEntry& entry : record.step->entries) {
      if (!entry.withdrawn) {
        line += (line.empty() ? "" : " ") + id(entry.sequence) + ":" +
                std::to_string(entry.tokens.count()) + ":" + letter(entry.kind);
      }
    }
    for (const Sequence* sequence : record.step->preempted) {
      line += " preempt " + id(sequence);
    }
    for (const CacheHit& hit : record.step->hits) {
      line += " hit " + id(hit.sequence) + ":" + std::to_string(hit.tokens.count());
    }
    for (const Sequence* sequence : *record.finished) {
      line += " finish " + id(sequence);
    }
    lines.push_back(line);
    free_after_schedule.push_back(record.free_blocks_after_schedule.value_or(Blocks{0}).count());
  }

  void on_usage(const UsageRecord& record) override { usages.push_back(record.ledger.kv); }

  std::vector<std::string> lines;
  std::vector<std::int64_t> free_after_schedule;
  std::vector<KvUsage> usages;

 private:
  static std::string id(const Sequence* sequence) {
    return sequence->name();
  }
  static char letter(EntryKind kind) {
    return kind == EntryKind::prefill ? 'p' : kind == EntryKind::decode ? 'd' : 'x';
  }
};

inline void run_listed(const Scenario& scenario, std::vector<Request> requests, Recorder& log) {
  ListedRequests source(std::move(requests));
  simulate(scenario, source, log);
}

}  // namespace tessera
