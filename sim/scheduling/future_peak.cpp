#include "sim/scheduling/future_peak.hpp"

#include <algorithm>

namespace tessera {

Tokens future_peak(std::vector<TokenNeed> needs) {
  std::sort(needs.begin(), needs.end(),
            [](const TokenNeed& a, const TokenNeed& b) { return a.left > b.left; });
  Tokens peak{0};
  Tokens held{0};
  std::int64_t lasting = 0;
  for (const TokenNeed& need : needs) {
    held += need.now;
    ++lasting;
    peak = std::max(peak, held + need.left * lasting);
  }
  return peak;
}

}  // namespace tessera
