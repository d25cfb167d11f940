// The roofline cost model: every operation takes its launches and the roofs that its FLOPs and
// bytes meet (Williams, Waterman and Patterson, CACM 2009, with a q-norm in place of the maximum).
//
// A step's time is a sum of integers: a function of its tokens, one of its sampling sequences, each
// rounded once per distinct count and remembered, and prices of what attention reads.
#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "sim/cost/as_launched.hpp"
#include "sim/cost/attention_time.hpp"
#include "sim/cost/count_memo.hpp"
#include "sim/cost/kernel_time.hpp"
#include "sim/cost/models.hpp"
#include "sim/cost/ring_time.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// Traffic priced by the GiB, so that a price in whole picoseconds is fine enough.
class Traffic {
 public:
  explicit Traffic(double bytes_per_second)
      : per_gibibyte_(bytes_per_second > 0.0
                          ? Duration::from_seconds(static_cast<double>(1 << 30) / bytes_per_second)
                          : Duration{}) {}

  [[nodiscard]] Duration time(Bytes moved) const {
    TESSERA_INVARIANT(moved == Bytes{0} || per_gibibyte_ > Duration{},
                      "bytes move only over links whose bandwidth is known");
    return Duration::picoseconds((per_gibibyte_.picoseconds() * moved.count()) >> 30);
  }

 private:
  Duration per_gibibyte_;
};

double host_link(const GpuSpec& gpu) {
  const Bandwidth link =
      gpu.link_measured > Bandwidth{0.0} ? gpu.link_measured : gpu.link_bandwidth;
  return link.value();
}

// Whether a step runs one of token_operations.
bool runs(Operation operation, const StepShape& shape) {
  return operation != Operation::kv_write || shape.writes_kv;
}

class RooflineModel final : public CostModel {
 public:
  RooflineModel(const GpuSpec& gpu, const ModelSpec& model, const PrecisionSpec& precision,
                const RankPlace& place, const EngineOverheads& overheads)
      : overheads_(overheads),
        model_(model),
        precision_(precision),
        shard_(place.shard),
        layers_(model_of_shard(model, shard_).layers),
        rings_(model, precision, place),
        roofs_(gpu, precision, overheads),
        slower_prefill_(1.0 / prefill_factor(overheads, gpu, precision) - 1.0),
        attention_work_(
            as_launched(attention_work(model, precision, shard_), precision, overheads)),
        attention_(attention_work_, roofs_),
        page_mapping_(gpu.page_mapping),
        small_page_mapping_(gpu.small_page_mapping),
        device_(roofs_.concat.bytes_per_second),
        strided_(roofs_.concat_strided.bytes_per_second),
        link_(host_link(gpu)),
        plain_below_(most_of_plain_steps()) {}

  StepTime step(const StepShape& shape) override {
    if (is_plain(shape)) [[likely]] {
      if (const ShortParts* const tokens = by_tokens_.find(shape.tokens().count())) {
        if (const ShortParts* const sampled = by_sampled_.find(shape.sampled_sequences)) {
          return plain_time(shape, *tokens, *sampled);
        }
      }
    }
    return any_time(shape);
  }

  [[nodiscard]] std::optional<StepTime> per_context_token() const override {
    return attention_.per_context_token();
  }

  std::vector<OperationTime> operations(const StepShape& shape) override;

 private:
  // What new tokens there are: the prefills' may be computed more slowly.
  struct NewTokens {
    Tokens prefill{0};
    Tokens decode{0};
    [[nodiscard]] Tokens all() const { return prefill + decode; }
  };
  static NewTokens tokens_of(const StepShape& shape) {
    return {shape.prefill_tokens, Tokens{shape.decode_sequences}};
  }

  // Steps of which nothing is asked but new tokens and attention, and whose numbers are so small
  // that the prices of attention are short.
  [[nodiscard]] bool is_plain(const StepShape& shape) const {
    const std::int64_t most = attention_.pairs(shape) | shape.prefill_context.count() |
                              shape.decode_context.count() | shape.prefill_sequences |
                              shape.decode_sequences;
    return static_cast<std::uint64_t>(most) < plain_below_ && shape.writes_kv &&
           shape.work == KvWork{};
  }
  [[nodiscard]] std::uint64_t most_of_plain_steps() const;
  [[nodiscard]] StepTime plain_time(const StepShape& shape, ShortParts sum,
                                    const ShortParts& sampled) const {
    sum += sampled;
    attention_.add(shape, sum);
    const auto a_step = static_cast<std::int64_t>(overheads_.step.picoseconds());
    const auto a_sequence = static_cast<std::int64_t>(overheads_.sequence.picoseconds());
    sum.overhead += a_step + a_sequence * sequences_of(shape);
    return sum.time();
  }
  [[gnu::noinline]] StepTime any_time(const StepShape& shape) {
    StepTime time = counts_part(shape);
    time.overhead += launch_gap(shape, time);
    StepParts<Int128> attention;
    attention_.add(shape, attention);
    time += attention.time();
    if (!(shape.work == KvWork{})) {
      time += copy_time(shape);
      time += swap_time(shape.work);
      time.overhead += mapping_time(shape.work);
    }
    time.overhead += batching_time(shape);
    return time;
  }

  [[nodiscard]] OperationWork work_of(Operation operation, Tokens tokens) const;
  [[nodiscard]] OperationWork work_of(Operation operation, std::int64_t sampled) const;
  [[nodiscard]] const Roofs& roofs_of_kernels(Operation operation) const;
  [[nodiscard]] StepTime operation_time(Operation operation, const NewTokens& tokens) const;
  [[nodiscard]] StepTime operation_time(Operation operation, std::int64_t sampled) const;
  [[nodiscard]] StepTime tokens_part(const StepShape& shape);
  // Of all that follows from the numbers of tokens and of sampling sequences.
  [[nodiscard]] StepTime counts_part(const StepShape& shape) {
    StepTime time = tokens_part(shape);
    time += by_sampled_.get(shape.sampled_sequences,
                            [&] { return sampling_time(shape.sampled_sequences); });
    return time;
  }
  [[nodiscard]] StepTime token_time(const StepShape& shape) const;
  [[nodiscard]] StepTime sampling_time(std::int64_t sampled) const;
  [[nodiscard]] std::int64_t launched(const StepShape& shape) const;
  [[nodiscard]] Duration launch_gap(const StepShape& shape, const StepTime& kernels) const;
  [[nodiscard]] StepTime copy_time(const StepShape& shape) const;
  [[nodiscard]] StepTime swap_time(const KvWork& work) const;
  [[nodiscard]] Duration mapping_time(const KvWork& work) const;
  // The engine's own, for the step and for each of its sequences.
  [[nodiscard]] Duration batching_time(const StepShape& shape) const {
    return overheads_.step + overheads_.sequence * sequences_of(shape);
  }
  static std::int64_t sequences_of(const StepShape& shape) {
    return shape.prefill_sequences + shape.decode_sequences;
  }
  [[nodiscard]] OperationTime row(Operation operation, const StepTime& time) const;
  void add_attention(const StepShape& shape, std::vector<OperationTime>& rows) const;

  EngineOverheads overheads_;
  ModelSpec model_;
  PrecisionSpec precision_;
  Shard shard_;
  std::int64_t layers_;  // of the shard
  RingTime rings_;
  GpuRoofs roofs_;
  double slower_prefill_;  // FLOPs that a prefill's tokens take in addition, as a share
  AttentionWork attention_work_;
  AttentionTime attention_;
  Duration page_mapping_;
  Duration small_page_mapping_;
  Traffic device_;
  Traffic strided_;
  Traffic link_;
  CountMemo by_tokens_;
  CountMemo by_prefill_tokens_;
  CountMemo by_tokens_computed_again_;
  CountMemo by_sampled_;
  std::uint64_t plain_below_;  // the numbers of plain steps; 0: there are none
};

// A power of two that all numbers of plain steps are below: such a number times a price is short.
// It is no less than that of tokens, which are remembered.
std::uint64_t RooflineModel::most_of_plain_steps() const {
  const bool knows_prices = overheads_.launch == Duration{} && slower_prefill_ == 0.0;
  const Duration highest = std::max(
      {attention_.highest_price(), overheads_.step, overheads_.sequence, Duration::picoseconds(1)});
  const Int128 most = short_time / highest.picoseconds();
  const bool is_enough = most >= CountMemo::limit;
  return knows_prices && is_enough ? std::bit_floor(static_cast<std::uint64_t>(most)) : 0;
}

OperationWork RooflineModel::work_of(Operation operation, Tokens tokens) const {
  const OperationWork work = token_work(operation, model_, precision_, tokens, shard_);
  return as_launched(operation, work, model_, precision_, overheads_);
}

OperationWork RooflineModel::work_of(Operation operation, std::int64_t sampled) const {
  const OperationWork work = sampling_work(operation, model_, precision_, sampled, shard_);
  return as_launched(operation, work, model_, precision_, overheads_);
}

// The kernels that a split operation consists of are pointwise, as an addition is.
const Roofs& RooflineModel::roofs_of_kernels(Operation operation) const {
  return is_split(operation, model_, overheads_) ? roofs_.residual : roofs_.of(operation);
}

StepTime RooflineModel::operation_time(Operation operation, const NewTokens& tokens) const {
  const Roofs& roofs = roofs_of_kernels(operation);
  OperationWork work = work_of(operation, tokens.all());
  work.flops = token_work(operation, model_, precision_, roofs.tiled(tokens.all()), shard_).flops;
  if (slower_prefill_ != 0.0) {
    const Tokens prefill = roofs.tiled(tokens.prefill);
    work.flops +=
        slower_prefill_ * token_work(operation, model_, precision_, prefill, shard_).flops;
  }
  return kernel_time(roofs.at_tokens(work, tokens.all()), roofs) +
         rings_.beside(operation, tokens.all());
}

StepTime RooflineModel::operation_time(Operation operation, std::int64_t sampled) const {
  const Roofs& roofs = roofs_.of(operation);
  const Tokens tiled = roofs.tiled(Tokens{sampled});
  OperationWork work = work_of(operation, sampled);
  work.flops = sampling_work(operation, model_, precision_, tiled.count(), shard_).flops;
  return kernel_time(roofs.at_tokens(work, Tokens{sampled}), roofs) +
         rings_.beside(operation, Tokens{sampled});
}

StepTime RooflineModel::tokens_part(const StepShape& shape) {
  const NewTokens tokens = tokens_of(shape);
  const auto work_out = [&] { return token_time(shape); };
  if (shape.writes_kv && (slower_prefill_ == 0.0 || tokens.prefill == Tokens{0})) {
    return by_tokens_.get(tokens.all().count(), work_out);
  }
  if (tokens.decode == Tokens{0}) {
    CountMemo& memo = shape.writes_kv ? by_prefill_tokens_ : by_tokens_computed_again_;
    return memo.get(tokens.prefill.count(), work_out);
  }
  return work_out();
}

StepTime RooflineModel::token_time(const StepShape& shape) const {
  const NewTokens tokens = tokens_of(shape);
  StepTime sum;
  for (const Operation operation : token_operations) {
    sum += runs(operation, shape) ? operation_time(operation, tokens) : StepTime{};
  }
  for (const Operation operation : link_operations) {
    sum += rings_.of(operation, tokens.all());
  }
  return sum;
}

StepTime RooflineModel::sampling_time(std::int64_t sampled) const {
  StepTime sum;
  for (const Operation operation : sampling_operations) {
    sum += operation_time(operation, sampled);
  }
  return sum;
}

std::int64_t RooflineModel::launched(const StepShape& shape) const {
  std::int64_t kernels = 0;
  for (const Operation operation : token_operations) {
    kernels += runs(operation, shape) ? work_of(operation, shape.tokens()).kernels : 0;
  }
  for (const Operation operation : sampling_operations) {
    kernels += work_of(operation, shape.sampled_sequences).kernels;
  }
  const std::int64_t attentions =
      (shape.prefill_tokens > Tokens{0} ? 1 : 0) + (shape.decode_sequences > 0 ? 1 : 0);
  const std::int64_t copies = shape.work.copied > Bytes{0} ? 2 * layers_ : 0;
  return kernels + attentions * attention_work_.kernels + copies;
}

// What the step waits for launches, the kernels' time without attention and copies beside them:
// so it is a function of counts alone. Attention is then added to a step that waits, though some of
// it could be hidden.
Duration RooflineModel::launch_gap(const StepShape& shape, const StepTime& kernels) const {
  if (overheads_.launch == Duration{}) {
    return {};
  }
  const Duration launches = overheads_.launch * launched(shape);
  return std::max(launches - kernels.total(), Duration{});
}

// A sequence alone is copied contiguously whatever the layout of its new keys and values.
StepTime RooflineModel::copy_time(const StepShape& shape) const {
  StepTime parts;
  if (shape.work.copied > Bytes{0}) {
    const bool strided = model_.fused_qkv && overheads_.projections == Projections::separate &&
                         shape.decode_sequences > 1;
    const Roofs& roofs = strided ? roofs_.concat_strided : roofs_.concat;
    parts.memory = (strided ? strided_ : device_).time(2 * shape.work.copied);
    parts.overhead = roofs.launch * (2 * layers_);  // keys and values of every layer
  }
  return parts;
}

StepTime RooflineModel::swap_time(const KvWork& work) const {
  StepTime parts;
  parts.link = link_.time(work.swapped_in) + link_.time(work.swapped_out);
  return parts;
}

Duration RooflineModel::mapping_time(const KvWork& work) const {
  return page_mapping_ * work.pages_mapped + small_page_mapping_ * work.small_pages_mapped;
}

OperationTime RooflineModel::row(Operation operation, const StepTime& time) const {
  OperationTime result;
  result.name = name_of(operation);
  result.phase = "all";
  result.layers = layers_;
  result.time = time.total();
  result.bound = greatest_part(time);
  return result;
}

void RooflineModel::add_attention(const StepShape& shape, std::vector<OperationTime>& rows) const {
  if (shape.prefill_tokens > Tokens{0}) {
    OperationTime prefill = row(Operation::attention, attention_.prefill(shape));
    prefill.phase = "prefill";
    prefill.flops = attention_work_.flops_per_pair * static_cast<double>(shape.prefill_pairs);
    prefill.bytes =
        attention_work_.bytes_per_context_token *
            static_cast<double>(shape.prefill_context.count()) +
        attention_work_.bytes_per_new_token * static_cast<double>(shape.prefill_tokens.count());
    rows.push_back(prefill);
  }
  const Tokens read = shape.decode_context + shape.work.cells_scanned;
  if (shape.decode_sequences > 0 || read > Tokens{0}) {
    OperationTime decode = row(Operation::attention, attention_.decode(shape));
    decode.phase = "decode";
    decode.flops = attention_work_.flops_per_pair * static_cast<double>(read.count());
    decode.bytes =
        attention_work_.bytes_per_context_token * static_cast<double>(read.count()) +
        attention_work_.bytes_per_new_token * static_cast<double>(shape.decode_sequences);
    rows.push_back(decode);
  }
}

std::vector<OperationTime> RooflineModel::operations(const StepShape& shape) {
  std::vector<OperationTime> rows;
  const StepTime by_counts = counts_part(shape);
  const auto add = [&](Operation operation, const StepTime& time, const OperationWork& work) {
    if (work.kernels > 0) {
      rows.push_back(row(operation, time));
      rows.back().flops = work.flops;
      rows.back().bytes = work.bytes();
    }
  };
  for (const Operation operation : token_operations) {
    if (operation == Operation::out_proj) {
      add_attention(shape, rows);
    }
    if (runs(operation, shape)) {
      add(operation, operation_time(operation, tokens_of(shape)),
          work_of(operation, shape.tokens()));
    }
  }
  for (const Operation operation : link_operations) {
    add(operation, rings_.of(operation, shape.tokens()), rings_.work(operation, shape.tokens()));
  }
  for (const Operation operation : sampling_operations) {
    add(operation, operation_time(operation, shape.sampled_sequences),
        work_of(operation, shape.sampled_sequences));
  }
  const double copied = 2.0 * static_cast<double>(shape.work.copied.count());
  const Bytes swapped = shape.work.swapped_in + shape.work.swapped_out;
  add(Operation::kv_concat, copy_time(shape),
      {0.0, 0.0, copied, shape.work.copied > Bytes{0} ? 2 * layers_ : 0});
  add(Operation::kv_swap, swap_time(shape.work),
      {0.0, 0.0, static_cast<double>(swapped.count()), swapped > Bytes{0} ? 1 : 0});
  StepTime overhead;
  overhead.overhead =
      batching_time(shape) + mapping_time(shape.work) + launch_gap(shape, by_counts);
  add(Operation::overhead, overhead, {0.0, 0.0, 0.0, 1});
  const bool prefills = shape.prefill_tokens > Tokens{0};
  const bool decodes = shape.decode_sequences > 0;
  for (OperationTime& operation : rows) {
    const bool whole_step = operation.phase == "all" && prefills != decodes;
    operation.phase = !whole_step ? operation.phase : prefills ? "prefill" : "decode";
    const bool once = operation.name == name_of(Operation::embedding) ||
                      operation.name == name_of(Operation::lm_head) ||
                      operation.name == name_of(Operation::sampler) ||
                      operation.name == name_of(Operation::send_recv) ||
                      operation.name == name_of(Operation::overhead);
    operation.layers = once ? 1 : layers_;
  }
  return rows;
}

}  // namespace

std::unique_ptr<CostModel> make_roofline_model(const GpuSpec& gpu, const ModelSpec& model,
                                               const PrecisionSpec& precision,
                                               const RankPlace& place,
                                               const EngineOverheads& overheads) {
  return std::make_unique<RooflineModel>(gpu, model, precision, place, overheads);
}

}  // namespace tessera
