// What a request's client measured, worked out once for all who want to know.
#pragma once

#include <optional>

#include "sim/metrics/usual_request.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

struct RequestLatencies {
  explicit RequestLatencies(const RequestRecord& record)
      : ttft(record.ttft()), tpot(record.tpot()), e2el(record.e2el()) {}
  explicit RequestLatencies(const UsualRequest& request)
      : ttft(Duration::picoseconds(request.ttft())),
        tpot(request.has_tpot() ? std::optional(Duration::picoseconds(request.tpot()))
                                : std::nullopt),
        e2el(Duration::picoseconds(request.e2el())) {}

  std::optional<Duration> ttft;
  std::optional<Duration> tpot;
  std::optional<Duration> e2el;
};

}  // namespace tessera
