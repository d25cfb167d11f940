#include "tessera/engine/recorder.hpp"

#include "tessera/core/decimal.hpp"

namespace tessera {

std::optional<Duration> RequestRecord::ttft() const {
  if (!first_token) {
    return std::nullopt;
  }
  return *first_token - request.arrival;
}

std::optional<Duration> RequestRecord::tpot() const {
  if (status != RequestStatus::finished || output <= Tokens{1}) {
    return std::nullopt;
  }
  return divide_nearest(ended - *first_token, output.count() - 1);
}

std::optional<Duration> RequestRecord::e2el() const {
  if (status != RequestStatus::finished) {
    return std::nullopt;
  }
  return ended - request.arrival;
}

}  // namespace tessera
