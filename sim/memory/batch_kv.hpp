// A KV cache whose sequences are the rows of one padded batch: of every layer one tensor of keys
// and one of values, [batch, heads, length, head size], which all rows share. What Hugging Face's
// caches have in common; when the tensors are made, and how they grow, is left to the kinds.
//
// The tensors lie in a device allocator of PyTorch's, whose device is the KV pool. A batch is
// opened by its first row, for all of its rows; whoever comes after them waits for the next batch.
// A row that is given back before the others leaves its cells behind, which are dead.
//
// A batch is opened only if it can grow to its end, whatever earlier batches have left in the
// allocator: if the pool holds a segment for every tensor that is live at once. Then no batch has
// ever made a longer segment than its share of the pool; live tensors pin at most one segment each;
// and all others go back to the driver before memory runs out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/memory/row_table.hpp"
#include "tessera/memory/device_allocator.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

class BatchKv : public KvCache {
 public:
  BatchKv(const CudaCachingSpec& allocator, const KvPool& pool);

  [[nodiscard]] Bytes pool() const final { return pool_.bytes; }
  [[nodiscard]] bool is_batch_shaped() const final { return true; }
  [[nodiscard]] bool can_ever_hold(const KvSequence& sequence) const final;
  [[nodiscard]] std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const final;
  [[nodiscard]] Tokens capacity() const final;
  [[nodiscard]] Tokens cached_prefix(const KvSequence& sequence, Tokens known) const final;
  Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& work) final;
  [[nodiscard]] Grant could_admit(const KvSequence& sequence,
                                  const Admission& admission) const final;
  Grant extend(SequenceId id, Tokens entries, KvWork& work) final;
  void publish(SequenceId /*id*/, Tokens /*entries*/) final {}
  void write(SequenceId id, Tokens entries) final;
  void end_of_sequence(SequenceId id) final { cells_.end(id); }
  void release(SequenceId id) final;
  void look_ahead(std::span<const SequenceId> batch, std::int64_t steps, Blocks kept_free,
                  KvOutlook& outlook) const final;
  void go_on(std::span<const SequenceId> batch, std::int64_t steps) final;
  Grant swap_out(SequenceId /*id*/, KvWork& /*work*/) final { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, KvWork& /*work*/) final { return Grant::never; }
  void set_head_of_queue(std::optional<KvSequence> /*head*/) final {}
  [[nodiscard]] KvUsage usage() const final;
  [[nodiscard]] SequenceKvUsage usage(SequenceId id) const final;
  [[nodiscard]] std::vector<Bytes> free_runs() const final;
  [[nodiscard]] std::optional<Blocks> free_blocks() const final { return std::nullopt; }
  [[nodiscard]] std::optional<Blocks> total_blocks() const final { return std::nullopt; }
  void audit() const final;

 protected:
  // What the driver gives for a tensor of this many bytes that has a segment for itself, at most.
  [[nodiscard]] Bytes segment_for(Bytes tensor) const;
  [[nodiscard]] const KvPool& settings() const { return pool_; }
  // Rows and the length of their tensors, of the open batch.
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] Tokens length() const { return length_; }
  // The bytes of one tensor, and of all of the open batch's.
  [[nodiscard]] Bytes tensor_bytes(std::int64_t rows, Tokens length) const;
  [[nodiscard]] Bytes batch_bytes(Tokens length) const;
  // Entries that each row has been promised, padding included.
  [[nodiscard]] Tokens promised() const { return promised_; }

  struct Tensor {
    Allocation memory;
    Bytes asked{0};
  };
  [[nodiscard]] std::vector<Tensor>& tensors() { return tensors_; }
  [[nodiscard]] Tensor allocate(Bytes bytes);
  void free(const Tensor& tensor);
  // Keeps an old tensor until the step has run: a duplicate of what its new one holds.
  void keep_until_the_step_has_run(const Tensor& tensor);
  void free_old_tensors();

 private:
  // The length that tensors are made with for rows of so many entries.
  [[nodiscard]] virtual Tokens first_length(Tokens entries) const = 0;
  // What the allocator may need at most for a batch until it is `length` long.
  [[nodiscard]] virtual Bytes most_reserved(std::int64_t rows, Tokens length) const = 0;
  // Makes the tensors longer.
  virtual void grow_tensors(Tokens length, KvWork& work) = 0;
  // Adds the work of filling new tensors with the first step's entries.
  virtual void open_work(KvWork& work) const = 0;

  // What the tensors, old ones included, asked for and were given.
  struct Held {
    Bytes asked{0};
    Bytes granted{0};
  };
  [[nodiscard]] Held held_bytes() const;

  [[nodiscard]] Bytes rounded(Bytes tensor) const;
  [[nodiscard]] bool fits_empty_pool(std::int64_t rows, Tokens entries) const;
  // Whether nobody can join the open batch any more.
  [[nodiscard]] bool is_closed() const {
    return num_joined_ == rows_ || num_released_ > 0 || has_begun_;
  }
  void close_batch();

  CudaCachingSpec spec_;
  KvPool pool_;
  Bytes limit_;  // of the pool, what the allocator may take
  std::unique_ptr<DeviceAllocator> allocator_;
  RowTable cells_;
  std::vector<SequenceId> members_;  // in the order of their coming
  std::vector<Tensor> tensors_;      // K and V of the first layer, of the second, …
  std::vector<Tensor> old_;          // until the step has run
  Tokens length_{0};
  Tokens promised_{0};
  std::int64_t rows_ = 0;  // of the open batch; 0: none is open
  std::int64_t num_joined_ = 0;
  std::int64_t num_released_ = 0;
  bool has_begun_ = false;  // a step has run
};

}  // namespace tessera
