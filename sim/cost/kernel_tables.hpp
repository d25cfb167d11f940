// What the files of a `profiled` cost model hold.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/cost/kernel_grid.hpp"
#include "tessera/cost/kernel_tables.hpp"
#include "tessera/cost/operation_work.hpp"
#include "tessera/model/model.hpp"

namespace tessera {

// A kernel that a step runs once, once a layer, or for each of a layer's norms.
enum class Runs { once, each_layer, each_norm_of_a_layer };
struct MeasuredKernel {
  Operation operation;
  Runs runs;
  KernelGrid times;
};

struct MeasuredAttention {
  std::optional<KernelGrid> prefill;  // prefill_chunk, kv_prefill
  std::optional<KernelGrid> decode;   // n_decode, kv_decode
  std::optional<KernelGrid> mixed;    // all four
};

// Linear and elementwise operations of one share of a layer: what one layer of a step takes, by
// tokens, in seconds.
struct MeasuredShare {
  ModelSpec layer;  // one layer, with this share's heads and width
  std::map<Operation, std::map<std::int64_t, std::vector<double>>> times;
};

class KernelTables {
 public:
  std::vector<MeasuredKernel> dense;
  std::vector<MeasuredKernel> per_sequence;
  std::optional<MeasuredAttention> attention;
  std::vector<MeasuredShare> shares;
  std::string linear_file;
};

}  // namespace tessera
