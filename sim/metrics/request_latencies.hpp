// What a request's client measured, worked out once for all who want to know.
#pragma once

#include <optional>

#include "tessera/engine/recorder.hpp"

namespace tessera {

struct RequestLatencies {
  explicit RequestLatencies(const RequestRecord& record)
      : ttft(record.ttft()), tpot(record.tpot()), e2el(record.e2el()) {}

  std::optional<Duration> ttft;
  std::optional<Duration> tpot;
  std::optional<Duration> e2el;
};

}  // namespace tessera
