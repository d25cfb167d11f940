// The cost model `profiled`: measured kernel tables in place of the roofline's operations.
//
// With the tables of a served model a step is, as LLMServingSim and Vidur put it,
//   layers·(qkv + rope + out + up + activation + down + norms + attention)
//   + embedding + final norm + LM head and sampler by sequences,
// and nothing else: an asynchronous engine hides its own work behind the GPU's. Attention of
// prefills and decodes that run together is measured together (on an RTX 4090, 2,048 tokens beside
// 32 decodes of 1,024 take 706 us, alone 336 and 181). Several prefills enter as one chunk of
// √Σn² tokens after as many as give the same query-key pairs; decodes enter with their mean
// context.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "sim/cost/kernel_tables.hpp"
#include "sim/cost/kernel_time.hpp"
#include "sim/cost/models.hpp"
#include "sim/cost/share_ratios.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

constexpr double seconds_a_microsecond = 1e-6;

void add_part(StepTime& time, Bound bound, Duration part) {
  switch (bound) {
    case Bound::compute:
      time.compute += part;
      break;
    case Bound::memory:
      time.memory += part;
      break;
    case Bound::overhead:
      time.overhead += part;
      break;
    case Bound::link:
      time.link += part;
      break;
  }
}

class ProfiledModel final : public CostModel {
 public:
  ProfiledModel(const ProfiledCostSpec& spec, const ModelSpec& model, const RankPlace& place,
                const MakeRoofline& roofline)
      : tables_(spec.tables),
        outside_(spec.extrapolate ? Outside::extrapolated : Outside::refused),
        model_(model_of_shard(model, place.shard)),
        roofline_(roofline(model, place)) {
    TESSERA_INVARIANT(tables_ != nullptr, "a profiled cost model's tables have been read");
    const bool is_of_one_gpu =
        !tables_->dense.empty() || !tables_->per_sequence.empty() || tables_->attention;
    if (is_of_one_gpu && place.shard.degrees.tensor > 1) {
      throw BadInput(Place{"cost", 0, 0},
                     "dense, attention and per_sequence are times of whole layers on one GPU, and "
                     "say nothing of a rank of " +
                         std::to_string(place.shard.degrees.tensor) +
                         "; take linear, whose table has degrees, or {kind: roofline}");
    }
    if (!tables_->shares.empty()) {
      ratios_.emplace(*tables_, model_, roofline, outside_);
    }
  }

  StepTime step(const StepShape& shape) override {
    StepTime time;
    for (const OperationTime& row : operations(shape)) {
      add_part(time, row.bound, row.time);
    }
    return time;
  }

  std::vector<OperationTime> operations(const StepShape& shape) override {
    std::vector<OperationTime> rows = roofline_->operations(shape);
    if (!tables_->dense.empty()) {
      replace_dense(shape, rows);
    }
    if (!tables_->per_sequence.empty()) {
      set_times(tables_->per_sequence, shape.sampled_sequences, rows);
    }
    if (tables_->attention) {
      replace_attention(shape, rows);
    }
    if (ratios_) {
      const auto& ratios = ratios_->of(shape);
      for (OperationTime& row : rows) {
        for (const auto& [operation, ratio] : ratios) {
          if (row.name == name_of(operation)) {
            row.time = Duration::from_seconds(row.time.to_seconds() * ratio);
          }
        }
      }
    }
    return rows;
  }

 private:
  [[nodiscard]] std::int64_t calls(Runs runs) const {
    switch (runs) {
      case Runs::once:
        return 1;
      case Runs::each_layer:
        return model_.layers;
      case Runs::each_norm_of_a_layer:
        return model_.layers * model_.norms_per_layer;
    }
    TESSERA_INVARIANT(false, "a kernel runs by one of the rules");
    return 0;
  }

  void set_times(const std::vector<MeasuredKernel>& kernels, std::int64_t count,
                 std::vector<OperationTime>& rows) const;
  void replace_dense(const StepShape& shape, std::vector<OperationTime>& rows) const;
  void replace_attention(const StepShape& shape, std::vector<OperationTime>& rows) const;
  [[nodiscard]] double attention_microseconds(const StepShape& shape) const;

  std::shared_ptr<const KernelTables> tables_;
  Outside outside_;
  ModelSpec model_;
  std::unique_ptr<CostModel> roofline_;
  std::optional<ShareRatios> ratios_;
};

// An operation whose kernels were measured takes the sum of their times.
void ProfiledModel::set_times(const std::vector<MeasuredKernel>& kernels, std::int64_t count,
                              std::vector<OperationTime>& rows) const {
  for (OperationTime& row : rows) {
    double microseconds = 0.0;
    bool measured = false;
    for (const MeasuredKernel& kernel : kernels) {
      if (row.name == name_of(kernel.operation)) {
        const double each = kernel.times.at(std::array{static_cast<double>(count)}, outside_);
        microseconds += each * static_cast<double>(calls(kernel.runs));
        measured = true;
      }
    }
    if (measured) {
      row.time = Duration::from_seconds(microseconds * seconds_a_microsecond);
    }
  }
}

// What the table does not list runs inside what it lists, and the engine's own work is hidden.
void ProfiledModel::replace_dense(const StepShape& shape, std::vector<OperationTime>& rows) const {
  const auto is_fused = [&](const OperationTime& row) {
    const auto is_row = [&](Operation operation) { return row.name == name_of(operation); };
    const bool is_measured =
        std::any_of(tables_->dense.begin(), tables_->dense.end(),
                    [&](const MeasuredKernel& kernel) { return is_row(kernel.operation); });
    const bool of_tokens = std::any_of(token_operations.begin(), token_operations.end(), is_row);
    return (of_tokens && !is_measured) || is_row(Operation::overhead);
  };
  std::erase_if(rows, is_fused);
  if (shape.tokens() > Tokens{0}) {
    set_times(tables_->dense, shape.tokens().count(), rows);
  }
}

double ProfiledModel::attention_microseconds(const StepShape& shape) const {
  const auto grid = [](const std::optional<KernelGrid>& found) -> const KernelGrid& {
    if (!found) {
      throw BadInput(Place{"cost.attention", 0, 0},
                     "the table has no times of prefills alone, of decodes alone, or of both");
    }
    return *found;
  };
  const auto tokens = static_cast<double>(shape.prefill_tokens.count());
  const auto squares = static_cast<double>(shape.prefill_squares);
  const auto pairs = static_cast<double>(shape.prefill_pairs);
  const double chunk = std::sqrt(squares);
  const double past = chunk > 0.0 ? std::max(0.0, (pairs - (squares + tokens) / 2.0) / chunk) : 0.0;
  const auto decodes = static_cast<double>(shape.decode_sequences);
  if (shape.decode_sequences == 0) {
    return grid(tables_->attention->prefill).at(std::array{chunk, past}, outside_);
  }
  const auto read = static_cast<double>((shape.decode_context + shape.work.cells_scanned).count());
  const double context = read / decodes;
  if (shape.prefill_tokens == Tokens{0}) {
    return grid(tables_->attention->decode).at(std::array{decodes, context}, outside_);
  }
  return grid(tables_->attention->mixed).at(std::array{chunk, past, decodes, context}, outside_);
}

void ProfiledModel::replace_attention(const StepShape& shape,
                                      std::vector<OperationTime>& rows) const {
  const auto is_attention = [](const OperationTime& row) {
    return row.name == name_of(Operation::attention);
  };
  const auto first = std::find_if(rows.begin(), rows.end(), is_attention);
  if (first == rows.end()) {
    return;
  }
  for (auto other = first + 1; other != rows.end(); ++other) {
    if (is_attention(*other)) {
      first->phase = "all";
      first->flops += other->flops;
      first->bytes += other->bytes;
      first->bound = other->time > first->time ? other->bound : first->bound;
    }
  }
  first->time = Duration::from_seconds(attention_microseconds(shape) * seconds_a_microsecond *
                                       static_cast<double>(model_.layers));
  rows.erase(std::remove_if(first + 1, rows.end(), is_attention), rows.end());
}

}  // namespace

std::unique_ptr<CostModel> make_profiled_model(const ProfiledCostSpec& spec, const ModelSpec& model,
                                               const RankPlace& place,
                                               const MakeRoofline& roofline) {
  return std::make_unique<ProfiledModel>(spec, model, place, roofline);
}

}  // namespace tessera
