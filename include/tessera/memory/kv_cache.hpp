// The interface of a KV manager: who owns which part of the KV pool, to the byte.
//
// A scheduling policy reaches it only through the step builder. Memory is granted when a step is
// scheduled (admit, extend) and filled when the step has run (write). A manager never advances
// time, never logs, and returns the work that it causes (bytes copied, swapped, …) as a value,
// which the cost model prices.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/memory/kv_specs.hpp"

namespace tessera {

// A slot in the engine's table of sequences: dense, reused once its sequence has ended.
enum class SequenceId : std::uint32_t {};
[[nodiscard]] constexpr std::size_t index_of(SequenceId id) {
  return static_cast<std::size_t>(id);
}

// The answer to a request for memory: granted; not now, but perhaps when others have ended; never.
enum class Grant { ok, later, never };

// Where the content of a sequence's positions comes from. Two blocks hold the same content exactly
// when the keys of their last positions are equal, because equal keys imply equal prefixes.
struct ContentKeys {
  std::int64_t group = -1;  // sequences of one group share their first `shared_prefix` tokens
  Tokens shared_prefix{0};
  std::int64_t conversation = 0;  // turns of one conversation share the rest
  // Content ids of consecutive pieces of `hash_tokens` tokens (Mooncake); they come first where
  // present. They stay valid as long as the source of requests.
  std::span<const std::uint64_t> hash_ids;
  Tokens hash_tokens{512};
  // One of several sequences that were sampled from one prompt: from `branches_at` on its content
  // is its own. Branch 0 is the one that a conversation goes on with.
  std::int64_t branch = 0;
  Tokens branches_at{0};

  // A number that stands for the content of position `position` and all before it.
  [[nodiscard]] std::uint64_t key(Tokens position) const;
};

// What a manager is told of a sequence. The simulator knows each sequence's end; managers use it
// only to tell what of a reservation will be filled (and for the oracle's reservation).
struct KvSequence {
  SequenceId id{};
  Tokens prompt{0};
  Tokens output{0};  // tokens that it will sample
  // Tokens that it may sample, as far as its engine knows; nothing: its output.
  std::optional<Tokens> max_output;
  // Sequences that share its prompt and grow alike, each by the entries that are asked for or
  // written: they own what is in common once, and a block that is not full is copied when the
  // first of them writes to it.
  std::int64_t num_sequences = 1;
  Tokens left_padding{0};      // cells before its first token (a padded static batch)
  Tokens trailing_padding{0};  // cells after its last one, until the batch's longest has ended
  ContentKeys content;
  // Entries at its end, padding included: the last sampled token is never written.
  [[nodiscard]] Tokens final_entries() const {
    return left_padding + prompt + output - Tokens{1} + trailing_padding;
  }
  // What an engine that reserves for the whole output reserves for.
  [[nodiscard]] Tokens output_limit() const { return max_output.value_or(output); }
};

// A request to bring a sequence into the running set.
struct Admission {
  Tokens entries{0};   // to make room for now, cached ones and padding included
  Tokens cached{0};    // of them, found by cached_prefix(), which nothing has changed since
  Tokens must_fit{0};  // a check, not a reservation: this many entries must fit, too
  Tokens known{0};     // the tokens that it has: what it prefills from now on, cached ones included
  bool watermark_applies = false;  // the watermark's memory must stay free
  std::int64_t rows = 1;           // of the batch that it belongs to, where the manager is
                                   // batch-shaped: the first to come opens it for all of them
};

// What a manager's decisions made the GPU do.
struct KvWork {
  Bytes copied{0};                      // read and written again on the device
  Bytes swapped_in{0};                  // from host memory
  Bytes swapped_out{0};                 // to host memory
  std::int64_t pages_mapped = 0;        // of 2 MiB and more
  std::int64_t small_pages_mapped = 0;  // of less
  Tokens cells_scanned{0};              // that attention reads beyond the live ones
  KvWork& operator+=(const KvWork& other) {
    copied += other.copied;
    swapped_in += other.swapped_in;
    swapped_out += other.swapped_out;
    pages_mapped += other.pages_mapped;
    small_pages_mapped += other.small_pages_mapped;
    cells_scanned += other.cells_scanned;
    return *this;
  }
  friend bool operator==(const KvWork&, const KvWork&) = default;
};

// The partition of the KV pool by what its bytes do. The classes sum to the pool, exactly.
struct KvUsage {
  Bytes live{0};             // entries of unfinished sequences, each physical entry once
  Bytes cached_prefix{0};    // of no sequence, but reusable: neither waste nor used
  Bytes dead{0};             // entries of sequences that have ended and whose rows are still held
  Bytes pad{0};              // padding cells, and cells written after a sequence's end
  Bytes duplicate{0};        // a second copy of the same content
  Bytes reserved_future{0};  // reserved, and will be written
  Bytes reserved_never{0};   // reserved, and never will be
  Bytes rounding{0};         // between what was asked for and what was granted
  Bytes cached_free{0};      // kept by a device allocator, owned by nobody
  Bytes withheld{0};         // null block, watermark, the pool's tail
  Bytes free_unusable{0};    // free, and of no use to whoever asks next
  Bytes free_usable{0};

  // Beside the partition:
  Bytes largest_free{0};     // the longest free run
  Bytes inactive_split{0};   // free parts of a device allocator's segments that are in use
  Bytes external_static{0};  // free, in runs too short for the smallest grant
  Bytes external_demand{
      0};  // free, enough for the request at the head of the queue, yet no run fits

  // What is reserved: all classes from live to rounding, the reclaimable prefix cache among them.
  [[nodiscard]] Bytes reserved() const {
    return live + cached_prefix + dead + pad + duplicate + reserved_future + reserved_never +
           rounding;
  }
  // Reserved and holding nothing that is wanted.
  [[nodiscard]] Bytes wasted() const { return reserved() - live - cached_prefix; }
  [[nodiscard]] Bytes free() const { return free_usable + free_unusable; }
  [[nodiscard]] Bytes total() const { return reserved() + cached_free + withheld + free(); }
  friend bool operator==(const KvUsage&, const KvUsage&) = default;
};

// What one sequence holds.
struct SequenceKvUsage {
  Bytes written{0};   // live entries
  Bytes reserved{0};  // all that it owns, rounding included
};

// How a batch could go on decoding, an entry a sequence and step. Steps are counted from the one
// that memory has been granted for and that has not run, which is 0.
struct KvOutlook {
  std::int64_t steps = 0;  // more, for which it can, without work for the GPU but what follows
  // A sequence takes a block at its first such step, and at every `stride`-th from then on; 0: it
  // takes none. In the order of the batch.
  Bytes block{0};
  std::int64_t stride = 1;
  std::vector<std::int64_t> first_take;
  // What a block taken at a step has that its sequence will never use.
  struct Never {
    std::int64_t step = 0;
    Bytes bytes{0};
  };
  std::vector<Never> never;
  Tokens more_cells_scanned{0};  // each step, than in the one before

  void begin(std::size_t batch) {
    steps = 0;
    first_take.assign(batch, 0);
    never.clear();
  }
};

class KvCache {
 public:
  KvCache() = default;
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;
  virtual ~KvCache() = default;

  // The memory that it partitions; usage().total() at every moment.
  [[nodiscard]] virtual Bytes pool() const = 0;
  // Whether the empty pool could hold the sequence until its end.
  [[nodiscard]] virtual bool can_ever_hold(const KvSequence& sequence) const = 0;
  // How many sequences of `entries` entries (final_entries) an empty pool holds at once.
  [[nodiscard]] virtual std::int64_t sequences_that_fit(Tokens prompt, Tokens output) const = 0;
  // Entries an empty pool holds, if all of it can be filled.
  [[nodiscard]] virtual Tokens capacity() const = 0;

  // Whether its sequences are the rows of one batch (KvTraits::batch_shaped).
  [[nodiscard]] virtual bool is_batch_shaped() const { return false; }
  // Whether entries that were computed once are there for the next step.
  [[nodiscard]] virtual bool keeps_entries() const { return true; }

  // Entries of the sequence's prompt and generated tokens that are cached and need not be computed;
  // `known` is how many tokens it has. A look-up: nothing changes, except who was asked for last
  // where the least recently used is evicted first.
  [[nodiscard]] virtual Tokens cached_prefix(const KvSequence& sequence, Tokens known) const = 0;

  // Brings a sequence in, with room for `admission.entries`. Precondition: it holds nothing.
  // On later or never, nothing has changed.
  virtual Grant admit(const KvSequence& sequence, const Admission& admission, KvWork& work) = 0;
  // What admit() would answer. Nothing changes.
  [[nodiscard]] virtual Grant could_admit(const KvSequence& sequence,
                                          const Admission& admission) const = 0;
  // Makes room for `entries` in total (not more). Precondition: admitted. On later, nothing
  // changed.
  virtual Grant extend(SequenceId id, Tokens entries, KvWork& work) = 0;
  // All of a step's memory has been asked for: adds the work that the step causes as a whole.
  virtual void settle(KvWork& /*work*/) {}
  // The contents of the sequence's first `entries` entries are settled, though they may not have
  // been computed yet: others may be given the same memory from now on, where the manager shares.
  virtual void publish(SequenceId id, Tokens entries) = 0;
  // `entries` more have been written, padding included. Precondition: there is room for them.
  virtual void write(SequenceId id, Tokens entries) = 0;
  // A request of several sequences goes on with other ones: its sequence i continues what its
  // sequence parents[i] has written, and those that nobody continues are given up. Preconditions:
  // KvTraits::copies_on_write, as many parents as sequences, and the prompt has been written.
  virtual void continue_from(SequenceId id, std::span<const std::int64_t> parents);
  // The sequence has sampled its last token but keeps its row: its entries are dead from now on.
  virtual void end_of_sequence(SequenceId id) = 0;
  // Gives back all that the sequence holds, on the device or in host memory.
  virtual void release(SequenceId id) = 0;

  // Whether it can tell how a batch would go on.
  [[nodiscard]] virtual bool has_outlook() const { return false; }
  // How `batch`, which are all sequences that hold KV on the device, can go on for at most `steps`
  // steps, each of its tokens leaving `kept_free` blocks. Precondition: each has room for an entry
  // more than it has written, and ends no earlier.
  virtual void look_ahead(std::span<const SequenceId> batch, std::int64_t /*steps*/,
                          Blocks /*kept_free*/, KvOutlook& outlook) const {
    outlook.begin(batch.size());
  }
  // As `steps` times: each of `batch` writes an entry, and is given room for the next.
  // Precondition: look_ahead() has said so, and nothing has changed since.
  virtual void go_on(std::span<const SequenceId> /*batch*/, std::int64_t /*steps*/) {}

  // Moves the sequence's KV to host memory: later when there is no room for it, never when the
  // manager does not swap.
  virtual Grant swap_out(SequenceId id, KvWork& work) = 0;
  // Brings it back, with room for as many entries as before. Precondition: swapped out. vLLM v0's
  // rule: later unless its full blocks and one more leave the watermark free.
  virtual Grant swap_in(SequenceId id, KvWork& work) = 0;

  // The sequence at the head of the queue with the entries that it waits for, for external_demand.
  virtual void set_head_of_queue(std::optional<KvSequence> head) = 0;

  [[nodiscard]] virtual KvUsage usage() const = 0;
  [[nodiscard]] virtual SequenceKvUsage usage(SequenceId id) const = 0;
  // Blocks that a sequence could get, and all of them (vLLM's null block among them); nothing for
  // managers without blocks.
  // What nobody owns, in pieces that lie apart, in no order: the sizes of the free runs, which sum
  // to usage().cached_free + usage().free(). Where any free memory serves anyone, it is one. O(n).
  [[nodiscard]] virtual std::vector<Bytes> free_runs() const;
  [[nodiscard]] virtual std::optional<Blocks> free_blocks() const = 0;
  [[nodiscard]] virtual std::optional<Blocks> total_blocks() const = 0;

  // Recomputes every count from scratch and throws InvariantViolation where one differs. O(n).
  virtual void audit() const = 0;
};

// What a KV manager is built on.
struct KvPool {
  Bytes bytes{0};            // of device memory
  Bytes bytes_per_token{0};  // over all layers
  // That a token's KV is spread over evenly: keys and values of every layer.
  std::int64_t tensors = 1;
  Tokens max_model_len{0};
  std::int64_t max_num_seqs = 1'000'000;  // that the policy runs at once
  Bytes host_bytes{0};                    // of host memory, for swapping
  double watermark = 0.0;                 // the policy's own, where the manager's spec has none
  // Whether admissions leave the watermark free even when nobody runs (vLLM v0), and a decode wants
  // a free block even when its last one has room: then no sequence can have the whole pool.
  bool watermark_always = false;
  FreedBlocks freed_blocks = FreedBlocks::unkeyed_in_front;
  bool null_block = false;  // vLLM v1 keeps block 0 for itself
};

// Precondition: pool.bytes_per_token > 0 and a multiple of pool.tensors, pool.max_model_len > 0.
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const KvCacheSpec& spec, const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const PagedKvSpec& spec, const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const ContiguousKvSpec& spec,
                                                     const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const ConcatKvSpec& spec, const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const StaticCacheKvSpec& spec,
                                                     const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const CellsKvSpec& spec, const KvPool& pool);
// Precondition: a page holds the keys of a token in one layer.
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const VirtualKvSpec& spec, const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const NoKvSpec& spec, const KvPool& pool);

[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const TokenKvSpec& spec, const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const RadixKvSpec& spec, const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const TensorRtLlmKvSpec& spec,
                                                     const KvPool& pool);
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const TgiKvSpec& spec, const KvPool& pool);

// The traits of whichever manager `spec` names, and its name.
[[nodiscard]] KvTraits traits_of(const KvCacheSpec& spec);
[[nodiscard]] std::string_view kind_of(const KvCacheSpec& spec);

}  // namespace tessera
