// Hugging Face's StaticCache: at its first step a batch gets, for keys and values of every layer, a
// tensor of zeros for the longest context, which its steps fill (transformers, cache_utils.py).
// Attention reads the tensors from end to end: cells that are not written yet are masked, not
// skipped.
#include <algorithm>

#include "sim/memory/batch_kv.hpp"

namespace tessera {
namespace {

class StaticCacheKv final : public BatchKv {
 public:
  StaticCacheKv(const StaticCacheKvSpec& spec, const KvPool& pool)
      : BatchKv(spec.allocator, pool), row_(spec.max_cache_len.value_or(pool.max_model_len)) {}

  [[nodiscard]] bool has_outlook() const override { return true; }

  void settle(KvWork& work) override {
    work.cells_scanned += (length() - promised()) * rows();
  }

 private:
  [[nodiscard]] Tokens first_length(Tokens /*entries*/) const override { return row_; }

  [[nodiscard]] Bytes most_reserved(std::int64_t rows, Tokens length) const override {
    return segment_for(tensor_bytes(rows, length)) * settings().tensors;
  }

  void open_work(KvWork& /*work*/) const override {}

  // Whoever fits has room from the start.
  void grow_tensors(Tokens /*longer*/, KvWork& /*work*/) override {}

  Tokens row_;
};

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(const StaticCacheKvSpec& spec, const KvPool& pool) {
  return std::make_unique<StaticCacheKv>(spec, pool);
}

}  // namespace tessera
