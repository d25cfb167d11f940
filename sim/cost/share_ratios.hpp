// How much longer linear and elementwise operations take on a GPU than its roofline says, from
// measurements of some shapes: at a measured shape the ratio is what was measured there; at others
// it is the mean of the logarithms, weighted by the inverse distance of the shapes' inputs and
// outputs in octaves.
//
// On a T4 (Vidur's Llama-2-7B at degrees 1, 2, 4 and 8 of tensor parallelism) each product's shape
// left out in turn is met with a median error of 4.5 % and a p95 of 20 %; the roofline alone, with
// constants fitted at degree 1, reaches 6 % and 24 %.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "sim/cost/kernel_tables.hpp"
#include "sim/cost/models.hpp"
#include "tessera/cost/cost_model.hpp"

namespace tessera {

// The widths that an operation's time depends on: a matrix product's inputs and outputs, another
// operation's one width.
struct OperationShape {
  double inputs = 0.0;
  double outputs = 0.0;
  friend bool operator==(const OperationShape&, const OperationShape&) = default;
};
[[nodiscard]] OperationShape shape_of_operation(Operation operation, const ModelSpec& model);

class ShareRatios {
 public:
  // `model` is a GPU's share. Throws BadInput where one of its products lies outside the shapes
  // that were measured and `outside` refuses that. `tables` outlives this.
  ShareRatios(const KernelTables& tables, const ModelSpec& model, const MakeRoofline& roofline,
              Outside outside);

  // The operations that were measured at all, with their ratios for a step of this shape. The
  // reference is good until the next call. Throws BadInput for more tokens than were measured where
  // that is refused.
  [[nodiscard]] const std::map<Operation, double>& of(const StepShape& shape);

 private:
  // One measured curve that has a say in an operation's ratio.
  struct Voice {
    std::size_t share;
    Operation operation;  // a product may be likened to another product
    double weight;        // of an operation they sum to 1
  };
  [[nodiscard]] std::vector<Voice> voices_for(Operation operation, const ModelSpec& model,
                                              Outside outside) const;
  [[nodiscard]] double log_ratio(const Voice& voice, const StepShape& shape) const;
  [[nodiscard]] StepShape measured_part(const Voice& voice, const StepShape& shape) const;

  const KernelTables& tables_;
  Outside outside_;
  std::vector<std::unique_ptr<CostModel>> rooflines_;  // of the shares
  std::map<Operation, std::vector<Voice>> voices_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::map<Operation, double>> known_;
};

}  // namespace tessera
