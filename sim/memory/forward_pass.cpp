#include "tessera/memory/forward_pass.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/memory/device_allocator.hpp"

namespace tessera {
namespace {

constexpr Bytes index_bytes{8};   // int64 token and position ids
constexpr Bytes single_bytes{4};  // means and deviations of norms
// From here on PyTorch gives a tensor a segment of its own; smaller ones share one of 20 MiB.
constexpr Bytes own_segment{10 << 20};
constexpr std::int64_t rounding = 512;

// A program's tensors on the device, and the most that they took at once.
class Tensors {
 public:
  Tensors() : allocator_(make_device_allocator(CudaCachingSpec{}, std::nullopt)) {}

  AllocationHandle take(Bytes size) {
    const auto allocation = allocator_->allocate(size);
    TESSERA_INVARIANT(allocation.has_value(), "an allocator without limit grants everything");
    peak_ = std::max(peak_, allocator_->counters().allocated);
    return allocation->handle;
  }
  void drop(std::initializer_list<AllocationHandle> handles) {
    for (const AllocationHandle handle : handles) {
      allocator_->free(handle);
    }
  }
  [[nodiscard]] Bytes allocated() const { return allocator_->counters().allocated; }
  [[nodiscard]] Bytes peak() const { return peak_; }
  void forget_peak() { peak_ = allocated(); }

 private:
  std::unique_ptr<DeviceAllocator> allocator_;
  Bytes peak_{0};
};

// How a family's code goes through a layer.
enum class Family {
  gpt2,       // Q, K and V as one product; attention's output kept; GELU by its formula
  llama,      // a gated MLP
  plain_mlp,  // OPT, Phi and the like
};

Family family_of(const ModelSpec& model) {
  if (model.mlp == MlpKind::gated) {
    return Family::llama;
  }
  const bool is_gpt2 = model.activation == ActivationKind::gelu_tanh &&
                       model.position == PositionKind::learned && model.position_offset == 0;
  return is_gpt2 ? Family::gpt2 : Family::plain_mlp;
}

// Whether keys and values count, or are taken to lie elsewhere.
enum class Counts { cache, without_cache };

class Pass {
 public:
  Pass(const ModelSpec& model, const PrecisionSpec& precision, const ForwardPass& pass,
       Counts counts)
      : model_(model),
        pass_(pass),
        counts_(counts),
        family_(family_of(model)),
        number_(activation_bytes(precision.compute)),
        tokens_(pass.batch * pass.new_tokens.count()),
        hidden_(number_ * (tokens_ * model.hidden)),
        query_(number_ * (tokens_ * model.query_width())),
        key_(number_ * (tokens_ * model.key_value_width())),
        mlp_(number_ * (tokens_ * model.mlp_width())) {}

  ForwardMemory run() {
    give_cache();
    embed();
    for (std::int64_t layer = 0; layer < model_.layers; ++layer) {
      run_layer(static_cast<std::size_t>(layer));
    }
    finish();
    return {tensors_.peak() - before_, tensors_.allocated() - before_};
  }

 private:
  using Handle = AllocationHandle;

  [[nodiscard]] Bytes cached(Tokens length) const {
    const std::int64_t numbers = pass_.batch * length.count() * model_.key_value_width();
    return counts_ == Counts::cache ? number_ * numbers : Bytes{0};
  }
  [[nodiscard]] bool is_eager() const { return pass_.attention == AttentionKernel::eager; }
  Handle take(Bytes size) { return tensors_.take(size); }
  void drop(std::initializer_list<Handle> handles) { tensors_.drop(handles); }

  void give_cache();
  void embed();
  Handle norm();
  void run_layer(std::size_t layer);
  Handle attend(std::size_t layer);
  void extend(std::size_t layer, std::size_t part);
  Handle attention_output();
  Handle feed_forward(Handle& input);
  Handle gelu_of_gpt2();
  void finish();

  const ModelSpec& model_;
  const ForwardPass& pass_;
  const Counts counts_;
  const Family family_;
  const Bytes number_;
  const std::int64_t tokens_;  // of all sequences
  const Bytes hidden_;
  const Bytes query_;
  const Bytes key_;
  const Bytes mlp_;

  Tensors tensors_;
  Bytes before_{0};
  std::vector<std::array<std::optional<Handle>, 2>> cache_;
  std::vector<Handle> held_;             // by the model, until its last layer has run
  std::optional<Handle> embedding_;      // of the tokens
  std::optional<Handle> probabilities_;  // of eager attention
  Handle stream_{};                      // the residual stream at a layer's start
};

// What smaller tensors leave unsplit at the end of a shared segment depends on what else lies
// there, so that only what they asked for counts as having been there.
void Pass::give_cache() {
  cache_.resize(static_cast<std::size_t>(model_.layers));
  if (pass_.context == Tokens{0}) {
    return;
  }
  const Bytes size = cached(pass_.context);
  for (auto& layer : cache_) {
    for (auto& tensor : layer) {
      tensor = take(size);
    }
  }
  const Bytes asked = round_up(size, Bytes{rounding}) * (2 * model_.layers);
  before_ = size >= own_segment ? tensors_.allocated() : asked;
  tensors_.forget_peak();
}

void Pass::embed() {
  held_.push_back(take(index_bytes * tokens_));
  embedding_ = take(hidden_);
  held_.push_back(*embedding_);
  const std::int64_t length = pass_.new_tokens.count();
  switch (family_) {
    case Family::gpt2:
      held_.push_back(take(number_ * (length * model_.hidden)));
      break;
    case Family::llama:
      held_.push_back(take(number_ * (2 * length * model_.size_of_head())));  // cos and sin
      break;
    case Family::plain_mlp:
      held_.push_back(take(hidden_));  // a position for each token of each sequence
      break;
  }
  held_.push_back(take(index_bytes * length));
  if (is_eager()) {
    const std::int64_t keys = (pass_.context + pass_.new_tokens).count();
    held_.push_back(take(number_ * (pass_.batch * length * keys)));
  }
  stream_ = family_ == Family::llama ? *embedding_ : take(hidden_);
}

Pass::Handle Pass::norm() {
  const Handle output = take(hidden_);
  drop({take(single_bytes * tokens_), take(single_bytes * tokens_)});
  return output;
}

// DynamicCache: the concatenation exists before the old tensor is dropped.
void Pass::extend(std::size_t layer, std::size_t part) {
  const Handle longer = take(cached(pass_.context + pass_.new_tokens));
  if (cache_[layer][part]) {
    drop({*cache_[layer][part]});
  }
  cache_[layer][part] = longer;
}

// Scores, scores under the mask, probabilities; outside GPT-2 the softmax is in single precision,
// and keys and values are repeated for the query heads that share them.
Pass::Handle Pass::attention_output() {
  if (!is_eager()) {
    return take(query_);
  }
  const std::int64_t keys = (pass_.context + pass_.new_tokens).count();
  const std::int64_t count = tokens_ * model_.heads * keys;
  const bool repeats = model_.key_value_heads() < model_.heads;
  const Bytes repeated = repeats ? number_ * (pass_.batch * keys * model_.query_width()) : Bytes{0};
  const Handle all_keys = take(repeated);
  const Handle all_values = take(repeated);
  const Handle scores = take(number_ * count);
  const Handle masked = take(number_ * count);
  drop({scores});
  if (family_ == Family::gpt2) {
    drop({masked});
    probabilities_ = take(number_ * count);
  } else {
    const Handle single = take(single_bytes * count);
    probabilities_ = take(number_ * count);
    drop({single, masked});
  }
  const Handle output = take(query_);
  drop({all_keys, all_values});
  return output;
}

// From the normed stream to the output projection.
Pass::Handle Pass::attend(std::size_t layer) {
  if (family_ == Family::gpt2) {
    const Handle projected = take(query_ + key_ + key_);
    extend(layer, 0);
    extend(layer, 1);
    const Handle attended = attention_output();
    const Handle output = take(hidden_);
    drop({attended, projected});
    return output;
  }
  Handle query = take(query_);
  Handle key = take(key_);
  const Handle value = take(key_);
  if (model_.position == PositionKind::rotary) {
    for (const auto& [tensor, size] : {std::pair{&query, query_}, std::pair{&key, key_}}) {
      const Handle half = take(size);
      const Handle rotated = take(size);
      drop({half, *tensor});
      *tensor = rotated;
    }
  }
  extend(layer, 0);
  drop({key});
  extend(layer, 1);
  drop({value});
  const Handle attended = attention_output();
  const Handle output = take(hidden_);
  drop({attended, query});
  return output;
}

// 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), an operation a kernel.
Pass::Handle Pass::gelu_of_gpt2() {
  const Handle up = take(mlp_);
  const Handle half = take(mlp_);
  Handle last = take(mlp_);
  for (int operation = 0; operation < 5; ++operation) {
    const Handle next = take(mlp_);
    drop({last});
    last = next;
  }
  const Handle output = take(mlp_);
  drop({half, last, up});
  return output;
}

// The MLP's output; `input` is dropped where the code does not keep it.
Pass::Handle Pass::feed_forward(Handle& input) {
  Handle activated{};
  switch (family_) {
    case Family::gpt2:
      activated = gelu_of_gpt2();
      break;
    case Family::llama: {
      const Handle gate = take(mlp_);
      const Handle opened = take(mlp_);
      drop({gate});
      const Handle up = take(mlp_);
      activated = take(mlp_);
      drop({opened, up});
      break;
    }
    case Family::plain_mlp: {
      if (model_.activation == ActivationKind::gelu_tanh) {
        activated = gelu_of_gpt2();
        break;
      }
      const Handle up = take(mlp_);
      drop({input});
      input = take(Bytes{0});
      activated = take(mlp_);
      drop({up});
      break;
    }
  }
  const Handle output = take(hidden_);
  drop({activated});
  return output;
}

void Pass::run_layer(std::size_t layer) {
  const Handle normed = norm();
  const Handle attended = attend(layer);
  const Handle sum = take(hidden_);
  drop({normed});
  const bool keeps_output = family_ == Family::gpt2;
  if (!keeps_output) {
    drop({attended});
  }
  Handle input = norm();
  const Handle output = feed_forward(input);
  const Handle next = take(hidden_);
  drop({input, output, sum});
  if (keeps_output) {
    drop({attended});
  }
  if (probabilities_) {
    drop({*probabilities_});
    probabilities_.reset();
  }
  if (stream_ != *embedding_) {
    drop({stream_});
  }
  stream_ = next;
}

void Pass::finish() {
  const Handle normed = norm();
  drop({stream_});
  for (const Handle handle : held_) {
    drop({handle});
  }
  const std::int64_t positions = pass_.logits == LogitsOf::all ? tokens_ : pass_.batch;
  (void)take(number_ * (positions * model_.vocabulary));
  drop({normed});
}

}  // namespace

ForwardMemory forward_memory(const ModelSpec& model, const PrecisionSpec& precision,
                             const ForwardPass& pass) {
  TESSERA_INVARIANT(model.kind == ModelKind::decoder, "a forward pass with a cache is a decoder's");
  TESSERA_INVARIANT(pass.batch > 0 && pass.new_tokens > Tokens{0}, "a pass computes tokens");
  return Pass(model, precision, pass, Counts::cache).run();
}

Bytes forward_workspace(const ModelSpec& model, const PrecisionSpec& precision, std::int64_t batch,
                        Tokens length) {
  ModelSpec layers_that_tell = model;
  layers_that_tell.layers = std::min<std::int64_t>(model.layers, 2);
  const ForwardPass pass{.batch = batch, .new_tokens = length};
  return Pass(layers_that_tell, precision, pass, Counts::without_cache).run().peak;
}

}  // namespace tessera
