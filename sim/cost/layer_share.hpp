// A stage's part of a time that is known only for all layers together.
#pragma once

#include <cstdint>

#include "tessera/core/time.hpp"
#include "tessera/model/shard.hpp"

namespace tessera {

// The parts of all stages sum to the whole, exactly.
class LayerShare {
 public:
  LayerShare(const ModelSpec& model, const Shard& shard) {
    if (shard.degrees.pipeline == 1) {
      return;
    }
    layers_ = model.layers;
    for (std::int64_t stage = 0; stage < shard.stage; ++stage) {
      before_ += layers_of_stage(layers_, shard.degrees.pipeline, stage);
    }
    behind_ = before_ + layers_of_stage(layers_, shard.degrees.pipeline, shard.stage);
  }

  [[nodiscard]] Duration of(Duration whole) const {
    return up_to(whole, behind_) - up_to(whole, before_);
  }

 private:
  [[nodiscard]] Duration up_to(Duration whole, std::int64_t layers) const {
    return layers == layers_ ? whole
                             : Duration::picoseconds(whole.picoseconds() * layers / layers_);
  }

  std::int64_t layers_ = 1;
  std::int64_t before_ = 0;
  std::int64_t behind_ = 1;
};

}  // namespace tessera
