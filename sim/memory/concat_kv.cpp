// The KV cache that is concatenated every step, as Hugging Face's DynamicCache does it
// (transformers, cache_utils.py: key_cache[layer] = torch.cat([key_cache[layer], keys], dim=-2),
// then the values): layer by layer, keys before values, a new tensor is allocated, old and new
// entries are copied into it, and the old one is freed. With the first step's entries, too, which
// are concatenated with an empty tensor.
//
// At its peak a step holds all new tensors and the last old one. With caches of the older form,
// tuples of tensors that the caller still holds while the model runs (past_key_values), it holds
// all old ones. Both are there until the step has run, as duplicates.
//
// A tensor only grows, so that the place it leaves is soon too small for any other: reserved memory
// runs up in steps until the allocator gives all of it back.
#include "sim/memory/batch_kv.hpp"

namespace tessera {
namespace {

class ConcatKv final : public BatchKv {
 public:
  ConcatKv(const ConcatKvSpec& spec, const KvPool& pool)
      : BatchKv(spec.allocator, pool), form_(spec.form) {}

 private:
  [[nodiscard]] Tokens first_length(Tokens entries) const override { return entries; }

  [[nodiscard]] Bytes most_reserved(std::int64_t rows, Tokens length) const override {
    const std::int64_t tensors = settings().tensors;
    const std::int64_t at_once = form_ == CacheForm::tuple ? 2 * tensors : tensors + 1;
    return segment_for(tensor_bytes(rows, length)) * at_once;
  }

  void open_work(KvWork& work) const override { work.copied += batch_bytes(length()); }

  void grow_tensors(Tokens longer, KvWork& work) override {
    const Bytes bytes = tensor_bytes(rows(), longer);
    for (Tensor& tensor : tensors()) {
      const Tensor made = allocate(bytes);
      work.copied += bytes;
      const bool is_last = &tensor == &tensors().back();
      if (form_ == CacheForm::tuple || is_last) {
        keep_until_the_step_has_run(tensor);
      } else {
        free(tensor);
      }
      tensor = made;
    }
  }

  CacheForm form_;
};

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(const ConcatKvSpec& spec, const KvPool& pool) {
  return std::make_unique<ConcatKv>(spec, pool);
}

}  // namespace tessera
