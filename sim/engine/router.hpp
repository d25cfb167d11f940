// Which engine of a node a request goes to.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "tessera/core/quantity.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/workload/request.hpp"

namespace tessera {

// An engine as the router knows it.
struct EngineView {
  std::int64_t outstanding = 0;  // sent to it, and not ended by its last boundary
  Bytes kv_reserved{0};          // at its last boundary, over its devices
};

class EngineRouter {
 public:
  EngineRouter() = default;
  EngineRouter(const EngineRouter&) = delete;
  EngineRouter& operator=(const EngineRouter&) = delete;
  virtual ~EngineRouter() = default;

  // The number of the engine for the next request, in order of arrival. Equal ones go to the lowest
  // number. Precondition: there is an engine, and always the same number of them.
  [[nodiscard]] virtual std::size_t choose(const Request& request,
                                           std::span<const EngineView> engines) = 0;
};

// `seed` is the scenario's: random choices have a stream of their own.
[[nodiscard]] std::unique_ptr<EngineRouter> make_router(Router router, std::uint64_t seed);

}  // namespace tessera
