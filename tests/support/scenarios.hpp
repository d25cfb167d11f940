// Small scenarios for tests: a card and a model whose arithmetic is easy to do by hand.
#pragma once

#include <vector>

#include "tessera/engine/scenario.hpp"
#include "tessera/workload/request.hpp"

namespace tessera {

// One layer of 64 numbers: 256 bytes of fp16 KV a token.
inline ModelSpec tiny_model() {
  ModelSpec model;
  model.name = "tiny";
  model.layers = 1;
  model.hidden = 64;
  model.heads = 1;
  model.vocabulary = 64;
  return model;
}

// A terabyte of memory, so that nothing but a fixed number of blocks ever limits.
inline GpuSpec roomy_gpu() {
  GpuSpec gpu;
  gpu.name = "roomy";
  gpu.memory = Bytes{std::int64_t{1} << 40};
  gpu.peak.fp16 = Flops{1e14};
  gpu.peak.fp32 = Flops{1e13};
  gpu.memory_bandwidth = Bandwidth{1e12};
  return gpu;
}

// 10 ms a step, 100 us a token, 100 ns a token of decoded context.
inline Scenario tiny_scenario() {
  Scenario scenario;
  scenario.hardware.gpu = roomy_gpu();
  scenario.model = tiny_model();
  scenario.engine.max_model_len = Tokens{2048};
  scenario.cost = AffineCostSpec{};
  return scenario;
}

inline Request a_request(std::int64_t id, Duration arrival, Tokens prompt, Tokens output) {
  Request request;
  request.id = static_cast<RequestId>(id);
  request.arrival = SimTime::at(arrival);
  request.prompt = prompt;
  request.output = output;
  request.content.conversation = id;
  return request;
}

}  // namespace tessera
