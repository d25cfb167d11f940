// A request that an engine turns away when it arrives.
#pragma once

#include "tessera/engine/recorder.hpp"

namespace tessera {

[[nodiscard]] inline RequestRecord rejection_of(const Request& request, EngineId engine,
                                                SimTime now, EndReason reason) {
  RequestRecord record;
  record.request = request;
  record.engine = engine;
  record.status = RequestStatus::rejected;
  record.reason = reason;
  record.ended = now;
  return record;
}

}  // namespace tessera
