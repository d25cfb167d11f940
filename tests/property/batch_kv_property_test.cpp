// Random batches against the managers whose sequences share tensors. Beside each runs a program
// that keeps every tensor of every layer by itself, in an allocator of its own, and every cell of
// every row; after each operation both agree, and the manager's audit passes. A batch that was
// opened always comes to its end, whatever earlier ones have left in the allocator.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tessera/memory/device_allocator.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

using namespace literals;

constexpr std::int64_t num_tensors = 6;
constexpr std::int64_t bytes_a_tensor_token = 30'001;

enum class Cell { pad, live, dead };

struct PlainRow {
  KvSequence sequence;
  std::vector<Cell> written;
  bool has_ended = false;
  bool is_gone = false;
};

// The tensors as a program of PyTorch's holds them.
class PlainTensors {
 public:
  PlainTensors(const CudaCachingSpec& spec, Bytes memory)
      : allocator_(make_device_allocator(AllocatorSpec{spec}, memory)) {}

  void make(Bytes bytes) {
    for (std::int64_t i = 0; i < num_tensors; ++i) {
      live_.push_back(grant(bytes));
    }
  }
  void concatenate(Bytes bytes, CacheForm form) {
    for (std::size_t i = 0; i < live_.size(); ++i) {
      const Allocation old = live_[i];
      live_[i] = grant(bytes);
      const bool stays = form == CacheForm::tuple || i + 1 == live_.size();
      stays ? old_.push_back(old) : allocator_->free(old.handle);
    }
  }
  void drop_old() {
    for (const Allocation& old : old_) {
      allocator_->free(old.handle);
    }
    old_.clear();
  }
  void drop_all() {
    drop_old();
    for (const Allocation& tensor : live_) {
      allocator_->free(tensor.handle);
    }
    live_.clear();
  }
  [[nodiscard]] const AllocatorCounters& counters() const { return allocator_->counters(); }

 private:
  Allocation grant(Bytes bytes) {
    const auto granted = allocator_->allocate(bytes);
    EXPECT_TRUE(granted.has_value());
    return *granted;
  }

  std::unique_ptr<DeviceAllocator> allocator_;
  std::vector<Allocation> live_;
  std::vector<Allocation> old_;
};

template <class Spec>
class BatchProgram {
 public:
  BatchProgram(const Spec& spec, Bytes pool, std::uint64_t seed)
      : spec_(spec),
        settings_{.bytes = pool,
                  .bytes_per_token = Bytes{num_tensors * bytes_a_tensor_token},
                  .tensors = num_tensors,
                  .max_model_len = 160_tokens},
        kv_(make_kv_cache(spec, settings_)),
        tensors_(spec.allocator, pool),
        random_(seed) {}

  void run_batch() {
    const Tokens prompt{1 + upto(60)};
    const Tokens output{1 + upto(60)};
    const std::int64_t fit = kv_->sequences_that_fit(prompt, output);
    KvSequence longest;
    longest.prompt = prompt;
    longest.output = output;
    ASSERT_EQ(fit > 0, kv_->can_ever_hold(longest));
    ASSERT_EQ(kv_->could_admit(longest, {.entries = longest.final_entries(), .rows = fit + 1}),
              Grant::never);
    if (fit == 0) {
      return;
    }
    ASSERT_NO_FATAL_FAILURE(open(1 + upto(std::min<std::int64_t>(fit, 7) - 1), prompt, output));
    for (Tokens step{1}; step < output; ++step) {
      ASSERT_NO_FATAL_FAILURE(grow());
      ASSERT_NO_FATAL_FAILURE(write(1_tokens));
    }
    ASSERT_NO_FATAL_FAILURE(release());
    ++batches_;
  }
  [[nodiscard]] std::int64_t batches() const { return batches_; }

 private:
  static constexpr bool grows = std::is_same_v<Spec, ConcatKvSpec>;

  std::int64_t upto(std::int64_t greatest) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(greatest + 1));
  }
  [[nodiscard]] Bytes tensor_bytes() const {
    const Tokens cells = grows ? length_ : settings_.max_model_len;
    return Bytes{bytes_a_tensor_token * cells.count() * static_cast<std::int64_t>(rows_.size())};
  }

  void open(std::int64_t rows, Tokens prompt, Tokens output) {
    rows_.assign(static_cast<std::size_t>(rows), {});
    length_ = prompt;
    tensors_.make(tensor_bytes());
    KvWork work;
    for (std::uint32_t id = 0; id < rows_.size(); ++id) {
      KvSequence& sequence = rows_[id].sequence;
      sequence.id = SequenceId{id};
      sequence.prompt = Tokens{1 + upto(prompt.count() - 1)};
      sequence.output = Tokens{1 + upto(output.count() - 1)};
      sequence.left_padding = prompt - sequence.prompt;
      sequence.trailing_padding = output - sequence.output;
      const Admission admission{.entries = prompt, .rows = rows};
      ASSERT_EQ(kv_->could_admit(sequence, admission), Grant::ok);
      ASSERT_EQ(kv_->admit(sequence, admission, work), Grant::ok);
      kv_->audit();
    }
    ASSERT_EQ(work.copied, grows ? settings_.bytes_per_token * rows * prompt.count() : 0_bytes);
    KvSequence stranger;
    stranger.id = SequenceId{99};
    stranger.prompt = stranger.output = 1_tokens;
    ASSERT_EQ(kv_->could_admit(stranger, {.entries = 1_tokens}), Grant::later);
    ASSERT_NO_FATAL_FAILURE(check());
    ASSERT_NO_FATAL_FAILURE(write(prompt));
  }

  void grow() {
    ++length_;
    if constexpr (grows) {
      tensors_.concatenate(tensor_bytes(), spec_.form);
    }
    KvWork work;
    for (const PlainRow& row : rows_) {
      ASSERT_EQ(kv_->extend(row.sequence.id, length_, work), Grant::ok);
    }
    ASSERT_EQ(work.copied.count(), grows ? num_tensors * tensor_bytes().count() : 0);
    ASSERT_NO_FATAL_FAILURE(check());
  }

  // What a step does at its end: rows write, and some of them end.
  void write(Tokens entries) {
    for (PlainRow& row : rows_) {
      kv_->write(row.sequence.id, entries);
      for (Tokens n{0}; n < entries; ++n) {
        const bool before =
            Tokens{static_cast<std::int64_t>(row.written.size())} < row.sequence.left_padding;
        row.written.push_back(before || row.has_ended ? Cell::pad : Cell::live);
      }
      const Tokens generated = Tokens{static_cast<std::int64_t>(row.written.size())} -
                               row.sequence.left_padding - row.sequence.prompt + 1_tokens;
      if (!row.has_ended && generated == row.sequence.output) {
        row.has_ended = true;
        kv_->end_of_sequence(row.sequence.id);
        std::replace(row.written.begin(), row.written.end(), Cell::live, Cell::dead);
      }
    }
    tensors_.drop_old();
    ASSERT_NO_FATAL_FAILURE(check());
  }

  void release() {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      order.insert(order.begin() + upto(static_cast<std::int64_t>(order.size())), i);
    }
    for (const std::size_t i : order) {
      kv_->release(rows_[i].sequence.id);
      rows_[i].is_gone = true;
      if (i != order.back()) {
        ASSERT_NO_FATAL_FAILURE(check());
      }
    }
    rows_.clear();
    tensors_.drop_all();
    ASSERT_NO_FATAL_FAILURE(check());
    ASSERT_EQ(kv_->usage().reserved(), 0_bytes);
  }

  void check() {
    kv_->audit();
    const KvUsage usage = kv_->usage();
    const AllocatorCounters& counters = tensors_.counters();
    ASSERT_EQ(usage.total(), settings_.bytes);
    ASSERT_EQ(usage.reserved(), counters.allocated);
    ASSERT_EQ(usage.rounding, counters.allocated - counters.requested);
    ASSERT_EQ(usage.cached_free, counters.reserved - counters.allocated);
    ASSERT_EQ(usage.inactive_split, counters.inactive_split);
    const Bytes limit = std::min(spec_.allocator.limit.value_or(settings_.bytes), settings_.bytes);
    ASSERT_EQ(usage.withheld, settings_.bytes - limit);
    ASSERT_EQ(usage.free(), limit - counters.reserved);
    Bytes in_runs{0};
    for (const Bytes run : kv_->free_runs()) {
      in_runs += run;
    }
    ASSERT_EQ(in_runs, usage.cached_free + usage.free());
    Bytes live{0};
    Bytes dead{0};
    Bytes pad{0};
    Bytes held{0};
    const Bytes row_bytes =
        settings_.bytes_per_token * (grows ? length_ : settings_.max_model_len).count();
    for (const PlainRow& row : rows_) {
      held += row_bytes;
      dead += row.is_gone ? row_bytes : 0_bytes;
      for (const Cell cell : row.is_gone ? std::vector<Cell>{} : row.written) {
        (cell == Cell::live ? live : cell == Cell::dead ? dead : pad) += settings_.bytes_per_token;
      }
    }
    ASSERT_EQ(usage.live, live);
    ASSERT_EQ(usage.dead, dead);
    ASSERT_EQ(usage.pad, pad);
    ASSERT_EQ(usage.duplicate, counters.requested - held);
  }

  Spec spec_;
  KvPool settings_;
  std::unique_ptr<KvCache> kv_;
  PlainTensors tensors_;
  std::mt19937_64 random_;
  std::vector<PlainRow> rows_;
  Tokens length_{0};
  std::int64_t batches_ = 0;
};

std::vector<CudaCachingSpec> allocators() {
  std::vector<CudaCachingSpec> specs(5);
  specs[1].expandable_segments = true;
  specs[2].roundup_power2_divisions = 4;
  specs[3].max_split_size_mb = 21;
  specs[4].limit = 150_MiB;
  specs[4].garbage_collection_threshold = 0.5;
  return specs;
}

template <class Spec>
void run_programs(Spec spec) {
  std::int64_t batches = 0;
  for (const CudaCachingSpec& allocator : allocators()) {
    // A pool for one short segment a tensor and hardly more, and one for several long ones.
    for (const Bytes pool : {150_MiB, 300_MiB, 700_MiB}) {
      for (std::uint64_t seed = 0; seed < 3; ++seed) {
        SCOPED_TRACE(testing::Message() << "pool " << pool.count() << ", seed " << seed);
        spec.allocator = allocator;
        BatchProgram<Spec> program(spec, pool, seed);
        for (int batch = 0; batch < 6; ++batch) {
          ASSERT_NO_FATAL_FAILURE(program.run_batch());
        }
        batches += program.batches();
      }
    }
  }
  EXPECT_GT(batches, 100);
}

TEST(BatchKvProperty, ConcatenatedTensorsAreThoseOfAPlainProgram) {
  run_programs(ConcatKvSpec{});
}

TEST(BatchKvProperty, TuplesOfTensorsAreThoseOfAPlainProgram) {
  ConcatKvSpec spec;
  spec.form = CacheForm::tuple;
  run_programs(spec);
}

TEST(BatchKvProperty, StaticTensorsAreThoseOfAPlainProgram) {
  run_programs(StaticCacheKvSpec{});
}

}  // namespace
}  // namespace tessera
