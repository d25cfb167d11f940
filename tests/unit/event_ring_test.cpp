// The ring of events, against a plain list.
#include "sim/engine/event_ring.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tessera/core/random.hpp"

namespace tessera {
namespace {

TEST(EventRing, FindsWhoIsNext) {
  RandomStream random(1, "ring");
  EventRing ring;
  ring.reserve(50);
  std::map<std::uint32_t, std::int64_t> naive;
  std::int64_t now = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto who = static_cast<std::uint32_t>(random() % 50);
    if (naive.contains(who)) {
      ring.remove(who);
      naive.erase(who);
    } else {
      const std::uint64_t reach = random() % 4 == 0 ? 9'000 : 100;
      naive[who] = now + 1 + static_cast<std::int64_t>(random() % reach);
      ring.insert(who, naive[who], now);
    }
    if (naive.empty() || random() % 3 != 0) {
      continue;
    }
    const auto earlier = [](const auto& a, const auto& b) { return a.second < b.second; };
    const std::int64_t first = std::min_element(naive.begin(), naive.end(), earlier)->second - now;
    const std::int64_t found = ring.distance(now);
    ASSERT_LE(found, first);
    now += found;
    std::vector<std::uint32_t> taken;
    ring.take(now, [&](std::uint32_t due) { taken.push_back(due); });
    std::sort(taken.begin(), taken.end());
    std::vector<std::uint32_t> due;
    for (const std::uint32_t one : taken) {
      if (naive[one] > now) {
        // Too far for the ring when it was put in.
        ring.insert(one, naive[one], now);
      } else {
        due.push_back(one);
      }
    }
    std::vector<std::uint32_t> expected;
    for (const auto& [one, when] : naive) {
      ASSERT_GE(when, now);
      if (when == now) {
        expected.push_back(one);
      }
    }
    ASSERT_EQ(due, expected);
    for (const std::uint32_t one : due) {
      naive.erase(one);
    }
  }
}

}  // namespace
}  // namespace tessera
