#include "tessera/engine/scenario.hpp"

namespace tessera {

Tokens Scenario::max_model_len() const {
  if (engine.max_model_len) {
    return *engine.max_model_len;
  }
  return Tokens{model.positions > 0 ? model.positions : 2048};
}

}  // namespace tessera
