// Which requests are usual, at every edge, and that they are counted as any others.
#include "sim/metrics/usual_request.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "sim/metrics/request_totals.hpp"
#include "tests/support/request_records.hpp"

namespace tessera {
namespace {

Duration ps(Int128 n) {
  return Duration::picoseconds(n);
}

RequestRecord usual() {
  RequestRecord record;
  record.request.arrival = SimTime::at(ps(10));
  record.request.output = Tokens{3};
  record.scheduled = SimTime::at(ps(30));
  record.first_token = SimTime::at(ps(70));
  record.ended = SimTime::at(ps(150));
  record.output = Tokens{3};
  record.phases.queued_slot = ps(20);
  record.phases.prefill = ps(40);
  record.phases.decode = ps(80);
  record.kv_peak_written = record.kv_peak_reserved = Bytes{7};
  return record;
}

// Everything that happens to the request happens so much later.
RequestRecord later(RequestRecord record, Duration by) {
  record.request.arrival += by;
  *record.scheduled += by;
  *record.first_token += by;
  record.ended += by;
  return record;
}

TEST(UsualRequest, KnowsItsTimes) {
  const RequestRecord record = usual();
  ASSERT_TRUE(UsualRequest::is(record));
  const UsualRequest request(record);
  EXPECT_EQ(request.arrival(), 10U);
  EXPECT_EQ(request.scheduled(), 30U);
  EXPECT_EQ(request.first_token(), 70U);
  EXPECT_EQ(request.ended(), 150U);
  EXPECT_EQ(request.ttft(), 60U);
  EXPECT_EQ(request.tpot(), 40U);
  EXPECT_EQ(request.e2el(), 140U);
  EXPECT_EQ(request.phase(&RequestPhases::decode), 80U);
  EXPECT_TRUE(request.is_undisturbed());
}

TEST(UsualRequest, OfOneTokenHasNoTpot) {
  RequestRecord record = usual();
  EXPECT_TRUE(UsualRequest(record).has_tpot());
  record.output = Tokens{1};
  ASSERT_TRUE(UsualRequest::is(record));
  EXPECT_FALSE(UsualRequest(record).has_tpot());
  EXPECT_EQ(RequestLatencies(UsualRequest(record)).tpot, std::nullopt);
  EXPECT_EQ(RequestLatencies(UsualRequest(record)).e2el, ps(140));
}

TEST(UsualRequest, IsNoneThatWasCutOrNeverRan) {
  const std::vector<std::function<void(RequestRecord&)>> changes{
      [](auto& r) { r.status = RequestStatus::cancelled; },
      [](auto& r) { r.status = RequestStatus::unfinished; },
      [](auto& r) { r.reason = EndReason::length; },
      [](auto& r) { r.scheduled.reset(); },
      [](auto& r) { r.first_token.reset(); },
      [](auto& r) { r.output = Tokens{0}; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    RequestRecord record = usual();
    changes[i](record);
    EXPECT_FALSE(UsualRequest::is(record)) << i;
  }
}

TEST(UsualRequest, BreaksNoInvariant) {
  const std::vector<std::function<void(RequestRecord&)>> changes{
      [](auto& r) { r.request.arrival = SimTime::at(ps(31)); },
      [](auto& r) { r.request.arrival = SimTime::at(ps(-1)); },
      [](auto& r) { r.scheduled = SimTime::at(ps(9)); },
      [](auto& r) { r.scheduled = SimTime::at(ps(71)); },
      [](auto& r) { r.first_token = SimTime::at(ps(151)); },
      [](auto& r) { r.output = Tokens{4}; },
      [](auto& r) { r.kv_peak_written = Bytes{8}; },
      [](auto& r) { r.kv_wasted_byte_picoseconds = -1; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    RequestRecord record = usual();
    changes[i](record);
    EXPECT_FALSE(UsualRequest::is(record)) << i;
  }
}

// Nothing is lost where the sum of the lower halves, or of all but one phase, is right.
TEST(UsualRequest, HasPhasesThatSumToItsTime) {
  constexpr Int128 word = static_cast<Int128>(1) << 64;
  for (const PhaseColumn& column : phase_columns) {
    for (const Int128 change : {Int128{1}, Int128{-1}, word, -word, word / 2, word - 1}) {
      RequestRecord record = usual();
      record.phases.*column.part += ps(change);
      EXPECT_FALSE(UsualRequest::is(record)) << column.name;
      // The same time taken from another, which may leave no negative rest.
      record.phases.decode -= ps(change);
      const bool is_sound =
          record.phases.*column.part >= Duration{} && record.phases.decode >= Duration{};
      EXPECT_EQ(UsualRequest::is(record), is_sound) << column.name;
    }
    RequestRecord record = usual();
    record.phases.decode = Duration{};
    record.phases.*column.part += ps(80);
    EXPECT_TRUE(UsualRequest::is(record)) << column.name;
    const bool comes_first = &column < &phase_columns[UsualRequest::num_undisturbed];
    EXPECT_EQ(UsualRequest(record).is_undisturbed(), comes_first) << column.name;
  }
  RequestRecord wrapped = usual();  // four quarters of 2^64 too much
  for (const auto part : {&RequestPhases::queued_slot, &RequestPhases::queued_memory,
                          &RequestPhases::prefill, &RequestPhases::decode}) {
    wrapped.phases.*part += ps(word / 4);
  }
  EXPECT_FALSE(UsualRequest::is(wrapped));
}

TEST(UsualRequest, EndsBeforeSixtyThreeBitsDo) {
  constexpr Int128 limit = static_cast<Int128>(1) << 63;
  EXPECT_TRUE(UsualRequest::is(later(usual(), ps(limit - 151))));
  EXPECT_FALSE(UsualRequest::is(later(usual(), ps(limit - 150))));
  EXPECT_FALSE(UsualRequest::is(later(usual(), ps(2 * limit - 151))));
  EXPECT_FALSE(UsualRequest::is(later(usual(), ps(2 * limit))));
  EXPECT_FALSE(UsualRequest::is(later(usual(), Duration::max() - ps(151))));
}

TEST(UsualRequest, LastsForShort) {
  constexpr Int128 limit = Distribution::short_below;
  for (const Int128 more : {limit - 141, limit - 140}) {
    RequestRecord record = usual();
    record.ended += ps(more);
    record.phases.stalled += ps(more);
    EXPECT_EQ(UsualRequest::is(record), more < limit - 140);
  }
}

// Wasted bytes over time may need more than 63 bits: a row sees to that.
TEST(UsualRequest, MayWasteMuch) {
  RequestRecord record = usual();
  record.kv_wasted_byte_picoseconds = static_cast<Int128>(1) << 90;
  EXPECT_TRUE(UsualRequest::is(record));
}

void expect_equal(Distribution& a, Distribution& b) {
  EXPECT_EQ(a.count(), b.count());
  EXPECT_EQ(a.mean(), b.mean());
  EXPECT_EQ(a.max(), b.max());
  for (const std::int64_t p : {0, 50, 90, 99, 100}) {
    EXPECT_EQ(a.percentile({p}), b.percentile({p})) << p;
  }
}

TEST(UsualRequest, IsCountedAsAnyOther) {
  RequestRecords draws;
  SloSpec slo;
  slo.tpot.each = Duration::seconds(1);
  RequestTotals quickly(slo);
  RequestTotals any(slo);
  for (int i = 0; i < 10'000; ++i) {
    const RequestRecord record = draws.next();
    if (UsualRequest::is(record)) {
      quickly.add(UsualRequest(record));
      any.add(record);
    }
  }
  const RequestTotals::Counts& a = quickly.counts();
  const RequestTotals::Counts& b = any.counts();
  EXPECT_GT(a.finished, 1'000);
  EXPECT_EQ(a.finished, b.finished);
  EXPECT_EQ(a.ended(), b.ended());
  EXPECT_EQ(a.cut, b.cut);
  EXPECT_EQ(a.preemptions, b.preemptions);
  EXPECT_EQ(a.preempted, b.preempted);
  EXPECT_EQ(a.within_slo, b.within_slo);
  EXPECT_GT(a.within_slo, 0);
  EXPECT_LT(a.within_slo, a.finished);
  EXPECT_EQ(a.prompt_tokens, b.prompt_tokens);
  EXPECT_EQ(a.output_tokens, b.output_tokens);
  EXPECT_EQ(a.cached_tokens, b.cached_tokens);
  expect_equal(quickly.ttft, any.ttft);
  expect_equal(quickly.tpot, any.tpot);
  expect_equal(quickly.e2el, any.e2el);
  expect_equal(quickly.queue, any.queue);
  EXPECT_EQ(quickly.normalized.mean(), any.normalized.mean());
  for (std::size_t i = 0; i < phase_columns.size(); ++i) {
    EXPECT_EQ(quickly.mean_phase(i), any.mean_phase(i)) << phase_columns[i].name;
  }
}

}  // namespace
}  // namespace tessera
