#include "sim/memory/batch_kv.hpp"

#include <algorithm>
#include <bit>

#include "tessera/core/contract.hpp"
#include "tessera/core/time.hpp"

namespace tessera {
namespace {

constexpr Bytes driver_page{2 << 20};     // the driver's memory comes in these
constexpr Bytes largest_small{1 << 20};   // up to this a tensor shares a segment of one page
constexpr Bytes large_segment{20 << 20};  // which tensors below least_own_segment share
constexpr Bytes least_own_segment{10 << 20};
constexpr Bytes smallest_block{512};

CudaCachingSpec within_pool(CudaCachingSpec spec, Bytes pool) {
  if (spec.limit && *spec.limit > pool) {
    spec.limit = pool;
  }
  return spec;
}

}  // namespace

BatchKv::BatchKv(const CudaCachingSpec& allocator, const KvPool& pool)
    : spec_(within_pool(allocator, pool.bytes)),
      pool_(pool),
      limit_(spec_.limit.value_or(pool.bytes)),
      tensors_(static_cast<std::size_t>(pool.tensors)) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  TESSERA_INVARIANT(pool.bytes_per_token.count() % pool.tensors == 0,
                    "a token's KV is spread evenly over its tensors");
  TESSERA_INVARIANT(pool.max_model_len > Tokens{0}, "a context holds a token");
  allocator_ = make_device_allocator(spec_, std::max(pool_.bytes, Bytes{1}));
}

bool BatchKv::can_ever_hold(const KvSequence& sequence) const {
  return fits_empty_pool(1, sequence.final_entries());
}

std::int64_t BatchKv::sequences_that_fit(Tokens prompt, Tokens output) const {
  const Tokens entries = prompt + output - Tokens{1};
  std::int64_t fits = 0;
  std::int64_t too_many = 1 + pool_.bytes / (pool_.bytes_per_token * entries.count());
  while (too_many - fits > 1) {
    const std::int64_t middle = fits + (too_many - fits) / 2;
    (fits_empty_pool(middle, entries) ? fits : too_many) = middle;
  }
  return fits;
}

Tokens BatchKv::capacity() const {
  return Tokens{limit_ / pool_.bytes_per_token};
}

Tokens BatchKv::cached_prefix(const KvSequence& /*sequence*/, Tokens /*known*/) const {
  return Tokens{0};
}

bool BatchKv::fits_empty_pool(std::int64_t rows, Tokens entries) const {
  const Int128 bytes = Int128{pool_.bytes_per_token.count()} * rows * entries.count();
  const Tokens length = first_length(entries);
  return bytes <= limit_.count() && entries <= length && most_reserved(rows, length) <= limit_;
}

Grant BatchKv::could_admit(const KvSequence& sequence, const Admission& admission) const {
  const Tokens most = std::max({admission.entries, admission.must_fit, sequence.final_entries()});
  if (!fits_empty_pool(admission.rows, most)) {
    return Grant::never;
  }
  if (rows_ == 0) {
    return Grant::ok;
  }
  return is_closed() || admission.entries > length_ ? Grant::later : Grant::ok;
}

Grant BatchKv::admit(const KvSequence& sequence, const Admission& admission, KvWork& work) {
  const Grant grant = could_admit(sequence, admission);
  if (grant != Grant::ok) {
    return grant;
  }
  if (rows_ == 0) {
    rows_ = admission.rows;
    length_ = first_length(admission.entries);
    for (Tensor& tensor : tensors_) {
      tensor = allocate(tensor_bytes(rows_, length_));
    }
    open_work(work);
  }
  promised_ = std::max(promised_, admission.entries);
  cells_.open(sequence, length_);
  members_.push_back(sequence.id);
  ++num_joined_;
  return Grant::ok;
}

Grant BatchKv::extend(SequenceId id, Tokens entries, KvWork& work) {
  TESSERA_INVARIANT(cells_.holds(id), "who is extended has been admitted");
  if (entries <= length_) {
    promised_ = std::max(promised_, entries);
    return Grant::ok;
  }
  if (!fits_empty_pool(rows_, entries)) {
    return Grant::never;
  }
  has_begun_ = true;
  free_old_tensors();  // of a step that wrote nothing
  grow_tensors(entries, work);
  length_ = promised_ = entries;
  for (const SequenceId member : members_) {
    cells_.grow(member, entries);
  }
  return Grant::ok;
}

void BatchKv::write(SequenceId id, Tokens entries) {
  cells_.write(id, entries);
  has_begun_ = true;
  free_old_tensors();
}

// As long as the tensors are; attention scans a cell of each row less in every step.
void BatchKv::look_ahead(std::span<const SequenceId> batch, std::int64_t steps,
                         Blocks /*kept_free*/, KvOutlook& outlook) const {
  outlook.begin(batch.size());
  outlook.more_cells_scanned = Tokens{-rows_};
  if (old_.empty() && has_begun_) {
    outlook.steps =
        std::min({steps, (length_ - promised_).count(), steps_with_room(cells_, batch)});
  }
}

void BatchKv::go_on(std::span<const SequenceId> batch, std::int64_t steps) {
  promised_ += Tokens{steps};
  for (const SequenceId id : batch) {
    cells_.write(id, Tokens{steps});
  }
}

void BatchKv::release(SequenceId id) {
  cells_.close(id);
  members_.erase(std::find(members_.begin(), members_.end(), id));
  ++num_released_;
  if (members_.empty()) {
    close_batch();
  }
}

void BatchKv::close_batch() {
  free_old_tensors();
  for (Tensor& tensor : tensors_) {
    if (tensor.asked > Bytes{0}) {
      free(tensor);
      tensor = {};
    }
  }
  rows_ = num_joined_ = num_released_ = 0;
  length_ = promised_ = Tokens{0};
  has_begun_ = false;
}

BatchKv::Tensor BatchKv::allocate(Bytes bytes) {
  const std::optional<Allocation> memory = allocator_->allocate(bytes);
  TESSERA_INVARIANT(memory.has_value(), "a batch that was opened can grow to its end");
  return {*memory, bytes};
}

void BatchKv::free(const Tensor& tensor) {
  allocator_->free(tensor.memory.handle);
}

void BatchKv::keep_until_the_step_has_run(const Tensor& tensor) {
  old_.push_back(tensor);
}

void BatchKv::free_old_tensors() {
  for (const Tensor& tensor : old_) {
    free(tensor);
  }
  old_.clear();
}

Bytes BatchKv::tensor_bytes(std::int64_t rows, Tokens length) const {
  return Bytes{pool_.bytes_per_token.count() / pool_.tensors} * (rows * length.count());
}

Bytes BatchKv::batch_bytes(Tokens length) const {
  return pool_.bytes_per_token * (rows_ * length.count());
}

// As the allocator rounds a request; with roundup_power2_divisions the next power of two bounds it.
Bytes BatchKv::rounded(Bytes tensor) const {
  const Bytes whole = round_up(std::max(tensor, Bytes{1}), smallest_block);
  return spec_.roundup_power2_divisions > 1 ? Bytes{static_cast<std::int64_t>(std::bit_ceil(
                                                  static_cast<std::uint64_t>(whole.count())))}
                                            : whole;
}

Bytes BatchKv::segment_for(Bytes tensor) const {
  const Bytes size = rounded(tensor);
  const Bytes page = size <= largest_small ? driver_page : large_segment;
  if (spec_.expandable_segments) {
    return round_up(size, page) + page;  // it may begin and end inside of a page
  }
  return size < least_own_segment ? page : std::max(page, round_up(size, driver_page));
}

KvUsage BatchKv::usage() const {
  KvUsage usage = usage_of(cells_.totals(), pool_.bytes_per_token);
  const Bytes row = pool_.bytes_per_token * length_.count();
  usage.dead += row * num_released_;
  usage.reserved_never += row * (rows_ - num_joined_);
  const Held held = held_bytes();
  usage.duplicate = held.asked - batch_bytes(length_);
  usage.rounding = held.granted - held.asked;
  const AllocatorCounters& counters = allocator_->counters();
  usage.cached_free = counters.reserved - counters.allocated;
  usage.inactive_split = counters.inactive_split;
  usage.withheld = pool_.bytes - limit_;
  const Bytes free = limit_ - counters.reserved;
  usage.external_static = free % driver_page;
  usage.free_unusable = usage.external_static;
  usage.free_usable = free - usage.free_unusable;
  usage.largest_free = free;
  return usage;
}

// The blocks that the allocator caches, and what it has not taken from the device.
std::vector<Bytes> BatchKv::free_runs() const {
  std::vector<Bytes> runs = allocator_->free_runs();
  const Bytes rest = limit_ - allocator_->counters().reserved;
  if (rest > Bytes{0}) {
    runs.push_back(rest);
  }
  return runs;
}

BatchKv::Held BatchKv::held_bytes() const {
  Held held;
  for (const std::vector<Tensor>* kept : {&tensors_, &old_}) {
    for (const Tensor& tensor : *kept) {
      held.asked += tensor.asked;
      held.granted += tensor.memory.granted;
    }
  }
  return held;
}

SequenceKvUsage BatchKv::usage(SequenceId id) const {
  if (!cells_.holds(id)) {
    return {};
  }
  // The rows own equal parts of what the batch holds, duplicates and rounding included.
  return {.written = pool_.bytes_per_token * cells_.row(id).cells().live.count(),
          .reserved = Bytes{held_bytes().granted.count() / rows_}};
}

void BatchKv::audit() const {
  cells_.audit();
  allocator_->audit();
  std::int64_t held = 0;
  for (std::uint32_t i = 0; i < cells_.size(); ++i) {
    held += cells_.holds(SequenceId{i}) ? 1 : 0;
  }
  TESSERA_INVARIANT(
      held == static_cast<std::int64_t>(members_.size()) && held == num_joined_ - num_released_,
      "the rows of the batch are its members");
  for (const SequenceId member : members_) {
    TESSERA_INVARIANT(cells_.row(member).reserved == length_, "rows are as long as their tensors");
  }
  TESSERA_INVARIANT(held_bytes().granted == allocator_->counters().allocated,
                    "the allocator holds the tensors and nothing else");
  TESSERA_INVARIANT(usage().duplicate >= Bytes{0} && usage().rounding >= Bytes{0},
                    "tensors hold their rows");
  TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
}

}  // namespace tessera
