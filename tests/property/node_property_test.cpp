// Laws of a node: what one engine must have in common with many, and a pipeline with none.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/random.hpp"
#include "tessera/engine/simulate.hpp"
#include "tests/support/listed_requests.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

// Every event of a run, as text and by kind.
struct Journal {
  std::vector<std::string> lines;
  std::vector<SimTime> starts;
  std::vector<SimTime> ends;
  std::map<std::int64_t, int> ended;
  std::map<std::int64_t, std::int64_t> engine_of;
  std::set<std::pair<std::int64_t, std::int64_t>> devices;
  std::vector<UsageRecord> usages;
  std::vector<RequestRecord> records;
  NodeRecord node;
};

class Writer final : public Recorder {
 public:
  explicit Writer(Journal& journal) : journal_(journal) {}

  void on_start(const NodeRecord& record) override { journal_.node = record; }
  void on_step(const StepRecord& record) override {
    note(record.engine, record.end, " step ", record.shape.tokens().count());
    journal_.starts.push_back(record.start);
    journal_.ends.push_back(record.end);
  }
  void on_usage(const UsageRecord& record) override {
    record.ledger.audit();
    note(record.engine, record.time, " kv ", record.ledger.kv.reserved().count());
    journal_.devices.insert({number_of(record.engine), record.device});
    journal_.usages.push_back(record);
  }
  void on_request_end(const RequestRecord& record) override {
    const std::int64_t id = number_of(record.request.id);
    note(record.engine, record.ended, " end ", id);
    ++journal_.ended[id];
    journal_.engine_of[id] = number_of(record.engine);
    journal_.records.push_back(record);
  }

 private:
  void note(EngineId engine, SimTime time, const char* what, std::int64_t value) {
    const auto picoseconds = static_cast<std::int64_t>(time.since_start().picoseconds());
    journal_.lines.push_back(std::to_string(number_of(engine)) + " " + std::to_string(picoseconds) +
                             what + std::to_string(value));
  }

  Journal& journal_;
};

std::vector<Request> random_requests(std::uint64_t seed, std::int64_t count, Duration gap) {
  RandomStream stream(seed, "node requests");
  std::vector<Request> requests;
  Duration arrival;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto draw = [&](std::uint64_t below) {
      return static_cast<std::int64_t>(stream() % below);
    };
    arrival += gap * draw(100);
    requests.push_back(a_request(i, arrival, Tokens{1 + draw(200)}, Tokens{1 + draw(40)}));
    requests.back().content.group = draw(4);
    requests.back().content.shared_prefix = Tokens{128};
  }
  return requests;
}

Scenario small_scenario(std::int64_t blocks) {
  Scenario scenario = tiny_scenario();
  scenario.hardware.count = 64;
  scenario.model.layers = 5;
  scenario.model.heads = 8;
  scenario.model.kv_heads = 2;
  PagedKvSpec paged;
  paged.num_blocks = Blocks{blocks};
  scenario.engine.kv_cache = paged;
  VllmV1Spec policy;
  policy.max_num_batched_tokens = Tokens{64};
  policy.max_num_seqs = 16;
  scenario.engine.policy = policy;
  scenario.engine.advance = Advance::step;
  return scenario;
}

Journal run(const Scenario& scenario, const std::vector<Request>& requests) {
  Journal journal;
  Writer writer(journal);
  ListedRequests source(requests);
  simulate(scenario, source, writer);
  return journal;
}

TEST(Node, EveryRequestGoesToOneEngineAndEnds) {
  for (const Router router : {Router::round_robin, Router::random, Router::least_outstanding,
                              Router::least_kv, Router::power_of_two, Router::prefix_affinity}) {
    for (const std::int64_t replicas : {1, 2, 3, 8}) {
      Scenario scenario = small_scenario(40);
      scenario.engine.parallel.replicas = replicas;
      scenario.engine.parallel.router = router;
      const auto requests = random_requests(7, 300, Duration::microseconds(300));
      const Journal journal = run(scenario, requests);
      EXPECT_EQ(journal.ended.size(), requests.size());
      for (const auto& [id, times] : journal.ended) {
        EXPECT_EQ(times, 1) << id << " with " << name_of(router);
      }
      std::set<std::int64_t> used;
      for (const auto& [id, engine] : journal.engine_of) {
        used.insert(engine);
      }
      EXPECT_EQ(used.size(), static_cast<std::size_t>(replicas)) << name_of(router);
      EXPECT_EQ(run(scenario, requests).lines, journal.lines) << "equal runs are equal";
    }
  }
}

TEST(Node, OneReplicaIsThePlainEngineWhateverTheRouter) {
  const auto requests = random_requests(3, 200, Duration::microseconds(500));
  const Scenario plain = small_scenario(60);
  const Journal expected = run(plain, requests);
  for (const Router router :
       {Router::random, Router::least_outstanding, Router::least_kv, Router::power_of_two}) {
    Scenario scenario = plain;
    scenario.engine.parallel.router = router;
    EXPECT_EQ(run(scenario, requests).lines, expected.lines) << name_of(router);
  }
}

// Remembers how requests ended; takes spans.
class Ends final : public Recorder {
 public:
  void on_request_end(const RequestRecord& record) override {
    const auto picoseconds = static_cast<std::int64_t>(record.ended.since_start().picoseconds());
    ends[number_of(record.request.id)] = {number_of(record.engine), picoseconds,
                                          record.num_preemptions, record.kv_peak_reserved.count()};
  }
  [[nodiscard]] bool takes_spans() const override { return true; }
  std::map<std::int64_t, std::array<std::int64_t, 4>> ends;
};

TEST(Node, ReplicasInSpansEndAllRequestsAsStepByStep) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    for (std::size_t i = 0; i < EnumNames<Router>::names.size(); ++i) {
      const auto router = static_cast<Router>(i);
      Scenario scenario = small_scenario(20 + static_cast<std::int64_t>(seed % 40));
      scenario.engine.parallel.replicas = 2 + static_cast<std::int64_t>(seed % 3);
      scenario.engine.parallel.router = router;
      scenario.seed = seed;
      const auto requests = random_requests(seed, 120, Duration::microseconds(400));
      const auto ends = [&](Advance advance) {
        scenario.engine.advance = advance;
        Ends recorder;
        ListedRequests source(requests);
        simulate(scenario, source, recorder);
        return recorder.ends;
      };
      EXPECT_EQ(why_step_by_step(scenario, {}, Ends{}), "engine.advance is step");
      const auto single_steps = ends(Advance::step);
      const auto spans = ends(Advance::span);
      EXPECT_EQ(why_step_by_step(scenario, {}, Ends{}), "");
      EXPECT_EQ(spans, single_steps) << name_of(router) << " seed " << seed;
      EXPECT_EQ(spans.size(), requests.size());
    }
  }
}

// At one moment, steps that take no time are told round by round, which no span knows of.
TEST(Node, ReplicasWhoseStepsMayTakeNoTimeGoStepByStep) {
  Scenario scenario = small_scenario(30);
  scenario.engine.advance = Advance::span;
  scenario.engine.overheads.step = Duration{};
  AffineCostSpec cost;
  cost.base = Duration{};
  scenario.cost = cost;
  EXPECT_EQ(why_step_by_step(scenario, {}, Ends{}), "");
  scenario.engine.parallel.replicas = 2;
  EXPECT_EQ(why_step_by_step(scenario, {}, Ends{}), "a step may take no time");
  cost.base = Duration::milliseconds(1);
  scenario.cost = cost;
  EXPECT_EQ(why_step_by_step(scenario, {}, Ends{}), "");
}

// What an engine of several does with the requests that it was sent is what it would do alone, as
// nothing else joins them. (They are sent when they arrive, and seen at the same boundaries.)
TEST(Node, EachReplicaBehavesAsIfItWereAlone) {
  Scenario scenario = small_scenario(40);
  scenario.engine.parallel.replicas = 3;
  const auto requests = random_requests(11, 240, Duration::microseconds(400));
  const Journal all = run(scenario, requests);
  for (std::int64_t engine = 0; engine < 3; ++engine) {
    std::vector<Request> own;
    for (const Request& request : requests) {
      if (all.engine_of.at(number_of(request.id)) == engine) {
        own.push_back(request);
      }
    }
    Scenario alone = scenario;
    alone.engine.parallel.replicas = 1;
    const Journal single = run(alone, own);
    std::map<std::int64_t, SimTime> ended;
    for (const RequestRecord& record : single.records) {
      ended[number_of(record.request.id)] = record.ended;
    }
    for (const RequestRecord& record : all.records) {
      if (number_of(record.engine) == engine) {
        EXPECT_EQ(record.ended, ended.at(number_of(record.request.id)));
      }
    }
  }
}

TEST(Node, AffineTensorRanksDecideAsOneGpuAndHoldTheSameInAll) {
  const auto requests = random_requests(5, 150, Duration::microseconds(500));
  const Scenario plain = small_scenario(30);
  const Journal expected = run(plain, requests);
  for (const std::int64_t tensor : {2, 4, 8}) {
    Scenario scenario = plain;
    scenario.engine.parallel.tensor = tensor;
    const Journal journal = run(scenario, requests);
    ASSERT_EQ(journal.records.size(), expected.records.size());
    const std::int64_t copies = std::max<std::int64_t>(1, tensor / 2);  // of two KV heads
    for (std::size_t i = 0; i < journal.records.size(); ++i) {
      EXPECT_EQ(journal.records[i].ended, expected.records[i].ended);
      EXPECT_EQ(journal.records[i].kv_peak_written, expected.records[i].kv_peak_written * copies);
    }
    EXPECT_EQ(journal.devices.size(), static_cast<std::size_t>(tensor));
    EXPECT_EQ(journal.node.kv_blocks, expected.node.kv_blocks);
  }
}

TEST(Node, StagesHoldTheirLayersOfTheSameTokens) {
  Scenario scenario = small_scenario(30);
  scenario.engine.parallel.pipeline = 3;  // 2, 2 and 1 of 5 layers
  const Journal journal = run(scenario, random_requests(5, 150, Duration::microseconds(500)));
  Bytes live{0};
  for (const UsageRecord& usage : journal.usages) {
    if (usage.device == 0) {
      live = usage.ledger.kv.live;
    } else {
      EXPECT_EQ(usage.device == 1 ? live : Bytes{live.count() / 2}, usage.ledger.kv.live);
    }
  }
  EXPECT_EQ(journal.devices.size(), 3u);
}

// One prompt in m chunks through p stages, each of time t: (m + p - 1)·t to its first token, of
// which every stage idles (p - 1)·t (GPipe, Huang et al. 2019).
TEST(Pipeline, BubblesOfOnePromptAreThoseOfTheClosedForm) {
  for (const std::int64_t stages : {1, 2, 4}) {
    for (const std::int64_t chunks : {1, 2, 3, 7, 8}) {
      Scenario scenario = small_scenario(200);
      scenario.model.layers = 4;
      scenario.engine.parallel.pipeline = stages;
      AffineCostSpec cost;
      cost.base = Duration::milliseconds(4);
      cost.per_token = cost.per_context_token = Duration{};
      scenario.cost = cost;
      const Journal journal =
          run(scenario, {a_request(0, Duration{}, Tokens{64 * chunks}, Tokens{1})});
      const Duration stage = Duration::microseconds(4000 / stages);
      ASSERT_EQ(journal.ends.size(), static_cast<std::size_t>(chunks));
      EXPECT_EQ(journal.ends.back(), SimTime::at(stage * (chunks + stages - 1)));
      for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
        EXPECT_EQ(journal.starts[static_cast<std::size_t>(chunk)], SimTime::at(stage * chunk));
      }
    }
  }
}

// Sequences that came apart stay in batches of their own: as many as stages give a token every
// stage's time, one alone only every p stages' times.
TEST(Pipeline, ADecodeNeedsAllStagesAndManyFillThem) {
  for (const std::int64_t sequences : {1, 2, 4}) {
    Scenario scenario = small_scenario(200);
    scenario.model.layers = 4;
    scenario.engine.parallel.pipeline = 4;
    AffineCostSpec cost;
    cost.base = Duration::milliseconds(4);
    cost.per_token = cost.per_context_token = Duration{};
    scenario.cost = cost;
    std::vector<Request> requests;
    for (std::int64_t i = 0; i < sequences; ++i) {
      requests.push_back(a_request(i, Duration{}, Tokens{64}, Tokens{10}));
    }
    const Journal journal = run(scenario, requests);
    // Each has 10 steps of 4 ms; they begin 1 ms apart.
    EXPECT_EQ(journal.ends.back(), SimTime::at(Duration::milliseconds(40 + sequences - 1)));
    EXPECT_EQ(journal.ends.size(), static_cast<std::size_t>(10 * sequences));
  }
}

// Sarathi's chunks of one prompt follow each other only after all stages: m·p·t.
TEST(Pipeline, SarathiWaitsForAChunkBeforeTheNextOfItsPrompt) {
  for (const std::int64_t stages : {1, 2, 4}) {
    for (const std::int64_t chunks : {1, 3, 8}) {
      Scenario scenario = small_scenario(200);
      scenario.model.layers = 4;
      scenario.engine.parallel.pipeline = stages;
      scenario.engine.policy = SarathiSpec{.max_num_seqs = 8, .chunk_size = Tokens{64}};
      AffineCostSpec cost;
      cost.base = Duration::milliseconds(4);
      cost.per_token = cost.per_context_token = Duration{};
      scenario.cost = cost;
      const Journal journal =
          run(scenario, {a_request(0, Duration{}, Tokens{64 * chunks}, Tokens{1})});
      EXPECT_EQ(journal.ends.size(), static_cast<std::size_t>(chunks));
      EXPECT_EQ(journal.ends.back(), SimTime::at(Duration::milliseconds(4 * chunks)));
    }
  }
}

TEST(Pipeline, NoSequenceIsInTwoBatchesWhileItsTokenIsUnknown) {
  PagedKvSpec whole;
  whole.num_blocks = Blocks{2000};
  whole.reserve = BlockReserve::max_model_len;
  PagedKvSpec tight;
  tight.num_blocks = Blocks{60};
  const std::vector<std::pair<PolicySpec, PagedKvSpec>> engines{
      {small_scenario(60).engine.policy, tight},
      {OrcaSpec{.max_num_seqs = 4}, whole},
      {SarathiSpec{.max_num_seqs = 8, .chunk_size = Tokens{32}}, tight},
      {SimpleChunkingSpec{.max_num_seqs = 8, .chunk_size = Tokens{32}}, tight},
  };
  for (const auto& [policy, kv_cache] : engines) {
    SCOPED_TRACE(kind_of(policy));
    Scenario scenario = small_scenario(60);
    scenario.engine.parallel.pipeline = 3;
    scenario.engine.policy = policy;
    scenario.engine.kv_cache = kv_cache;
    const auto requests = random_requests(9, 200, Duration::microseconds(200));
    const Journal journal = run(scenario, requests);
    EXPECT_EQ(journal.ended.size(), requests.size());
    for (const RequestRecord& record : journal.records) {
      EXPECT_EQ(record.output, record.request.output);
      if (record.output > Tokens{1}) {  // each token passes all stages
        EXPECT_GE(record.ended - *record.first_token,
                  Duration::milliseconds(10) * (record.output.count() - 1));
      }
    }
  }
}

}  // namespace
}  // namespace tessera
