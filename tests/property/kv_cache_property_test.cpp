// Random programs against every KV manager in the registry. After each operation the manager's own
// audit passes, its classes sum to the pool, and all that it says equals a model that keeps every
// token's cell by itself. A manager that is new to the registry is run with its default settings.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>

#include "tessera/memory/kv_cache.hpp"
#include "tests/property/naive_kv.hpp"

namespace tessera {
namespace {

using namespace literals;

template <class Spec>
struct Setting {
  std::string name;
  Spec spec;
  KvPool pool;
};

KvPool small_pool(std::int64_t bytes) {
  KvPool pool;
  pool.bytes = Bytes{bytes};
  pool.bytes_per_token = 3_bytes;
  pool.max_model_len = 48_tokens;
  pool.host_bytes = Bytes{bytes / 4};
  return pool;
}

PagedKvSpec paged(std::int64_t block_size, std::optional<Blocks> num_blocks,
                  std::optional<double> watermark) {
  PagedKvSpec spec;
  spec.block_size = Tokens{block_size};
  spec.num_blocks = num_blocks;
  spec.watermark = watermark;
  return spec;
}

PagedKvSpec prefix_caching(PagedKvSpec spec) {
  spec.prefix_caching = true;
  return spec;
}

PagedKvSpec for_life(PagedKvSpec spec) {
  spec.reserve = BlockReserve::max_model_len;
  return spec;
}

std::vector<Setting<CellsKvSpec>> cells_settings() {
  std::vector<Setting<CellsKvSpec>> settings;
  for (const CellChoice choice : {CellChoice::contiguous, CellChoice::any}) {
    const std::string name(name_of(choice));
    CellsKvSpec spec;
    spec.choice = choice;
    settings.push_back({name + " sized", spec, small_pool(601)});
    spec.padding = 32_tokens;
    spec.num_cells = 90_tokens;
    settings.push_back({name + " fixed", spec, small_pool(0)});
    spec.slots = 3;
    settings.push_back({name + " slots", spec, small_pool(0)});
    spec.num_cells = 1_tokens;
    spec.slots.reset();
    settings.push_back({name + " one cell", spec, small_pool(0)});
  }
  return settings;
}

std::vector<Setting<VirtualKvSpec>> virtual_settings() {
  KvPool pool = small_pool(1000);
  pool.bytes_per_token = 6_bytes;
  pool.tensors = 2;
  std::vector<Setting<VirtualKvSpec>> settings{{"no page", {}, pool}};
  VirtualKvSpec spec;
  spec.page_size = 16_bytes;  // five tokens and a byte
  settings.push_back({"ahead", spec, pool});
  spec.ahead = 0_tokens;
  settings.push_back({"on demand", spec, pool});
  spec.deferred_reclamation = false;
  settings.push_back({"reclaimed at once", spec, pool});
  spec.max_batch_size = 3;
  spec.deferred_reclamation = true;
  settings.push_back({"few slots", spec, pool});
  spec.page_size = 3_bytes;
  spec.max_batch_size.reset();
  pool.watermark = 0.1;
  settings.push_back({"watermark", spec, pool});
  return settings;
}

template <class Spec>
std::vector<Setting<Spec>> settings_of() {
  if constexpr (std::is_same_v<Spec, PagedKvSpec>) {
    KvPool with_null = small_pool(1000);
    with_null.null_block = true;
    KvPool with_policys_watermark = with_null;
    with_policys_watermark.watermark = 0.15;
    return {
        {"sized", {}, small_pool(1000)},
        {"null_block", paged(4, std::nullopt, 0.0), with_null},
        {"watermark", paged(5, std::nullopt, 0.1), with_null},
        {"policys_watermark", paged(3, std::nullopt, std::nullopt), with_policys_watermark},
        // Nothing is published here, so that nothing is shared.
        {"prefix_caching", prefix_caching(paged(4, std::nullopt, 0.1)), with_null},
        {"fixed", paged(7, 30_blocks, 0.3), with_null},
        {"token_blocks", paged(1, std::nullopt, 0.0), small_pool(601)},
        {"one_block", paged(16, 1_blocks, 0.0), small_pool(0)},
        {"no_block", {}, small_pool(47)},
        {"for_life", for_life(paged(5, std::nullopt, 0.0)), small_pool(700)},
        {"for_life_watermark", for_life(paged(16, std::nullopt, 0.2)), with_null},
    };
  } else if constexpr (std::is_same_v<Spec, ContiguousKvSpec>) {
    std::vector<Setting<Spec>> settings;
    for (const Reserve reserve : {Reserve::max, Reserve::pow2, Reserve::oracle}) {
      for (const Placement placement :
           {Placement::buddy, Placement::best_fit, Placement::first_fit}) {
        for (const std::int64_t bytes : {700, 1234, 100, 2}) {
          std::ostringstream name;
          name << name_of(reserve) << ' ' << name_of(placement) << ' ' << bytes;
          settings.push_back({name.str(), {reserve, placement}, small_pool(bytes)});
        }
      }
    }
    return settings;
  } else if constexpr (std::is_same_v<Spec, CellsKvSpec>) {
    return cells_settings();
  } else if constexpr (std::is_same_v<Spec, VirtualKvSpec>) {
    return virtual_settings();
  } else if constexpr (std::is_same_v<Spec, TokenKvSpec>) {
    return {{"sized", {}, small_pool(601)},
            {"fixed", {Tokens{77}}, small_pool(0)},
            {"hold_token_alone", {}, small_pool(5)},
            {"no_token", {}, small_pool(2)}};
  } else if constexpr (std::is_same_v<Spec, TensorRtLlmKvSpec>) {
    TensorRtLlmKvSpec fixed{.tokens_per_block = Tokens{4}, .max_tokens = Tokens{99}};
    return {{"sized", {}, small_pool(1000)},
            {"small_blocks", {.tokens_per_block = Tokens{8}}, small_pool(700)},
            {"fixed", fixed, small_pool(0)}};
  } else if constexpr (std::is_same_v<Spec, TgiKvSpec>) {
    return {{"sized", {}, small_pool(1000)},
            {"flash_infer", {.block_size = Tokens{1}}, small_pool(700)},
            {"speculating", {.block_size = Tokens{4}, .speculate = Tokens{3}}, small_pool(900)},
            {"fixed", {.block_size = Tokens{7}, .num_blocks = Blocks{30}}, small_pool(0)},
            {"health_check_alone", {}, small_pool(48)}};
  } else if constexpr (std::is_same_v<Spec, RadixKvSpec>) {
    // Its sharing has a model of its own, in radix_kv_property_test.cpp.
    return {{"sized", {}, small_pool(1000)},
            {"pages", {.page_size = Tokens{4}}, small_pool(1000)},
            {"tight", {.page_size = Tokens{1}, .max_total_tokens = Tokens{60}}, small_pool(0)},
            {"large_pages", {.page_size = Tokens{16}}, small_pool(700)}};
  } else {
    return {{"default", Spec{}, small_pool(1000)}};
  }
}

enum class Cell { pad, live, dead };

// One sequence's cells, as the program wrote them.
struct Shadow {
  KvSequence sequence;
  std::vector<Cell> written;
  std::int64_t room = 0;  // that the program was promised
  bool has_ended = false;
  bool is_swapped = false;  // to host memory
};

Bytes sum_of(const std::vector<Bytes>& runs) {
  Bytes sum{0};
  for (const Bytes run : runs) {
    EXPECT_GT(run, Bytes{0});
    sum += run;
  }
  return sum;
}

template <class Spec>
class Program {
 public:
  Program(const Setting<Spec>& setting, std::uint64_t seed)
      : pool_(setting.pool),
        kv_(make_kv_cache(setting.spec, setting.pool)),
        plain_(naive::make_naive(setting.spec, setting.pool)),
        random_(seed) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      ASSERT_NO_FATAL_FAILURE(operate());
      ASSERT_NO_FATAL_FAILURE(check());
    }
    for (std::uint32_t id = 0; id < rows_.size(); ++id) {
      if (rows_[id]) {
        release(SequenceId{id});
      }
    }
    ASSERT_NO_FATAL_FAILURE(check());
    ASSERT_EQ(kv_->usage().reserved() - kv_->usage().cached_prefix, Bytes{0});
  }

 private:
  std::int64_t upto(std::int64_t greatest) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(greatest + 1));
  }

  KvSequence draw(SequenceId id) {
    KvSequence sequence;
    sequence.id = id;
    sequence.prompt = Tokens{1 + upto(29)};
    sequence.output = Tokens{1 + upto(19)};
    sequence.left_padding = Tokens{upto(3) == 0 ? upto(9) : 0};
    sequence.trailing_padding = Tokens{upto(3) == 0 ? upto(12) : 0};
    if (upto(1) == 0) {
      sequence.max_output = sequence.output + Tokens{upto(25)};
    }
    sequence.content.conversation = num_drawn_++;
    return sequence;
  }

  void operate() {
    const auto id = SequenceId{static_cast<std::uint32_t>(upto(max_rows - 1))};
    std::optional<Shadow>& row = rows_[index_of(id)];
    if (upto(7) == 0) {
      head_ = upto(3) == 0 ? std::nullopt : std::optional(draw(SequenceId{99}));
      kv_->set_head_of_queue(head_);
    } else if (!row) {
      admit(id);
    } else if (upto(7) == 0) {
      release(id);
    } else if (row->is_swapped) {
      swap_in(*row);
    } else {
      operate_on(*row);
    }
  }

  void operate_on(Shadow& row) {
    switch (upto(5)) {
      case 0:
        swap_out(row);
        break;
      case 1:
        end(row);
        break;
      case 2:
      case 3:
        extend(row);
        break;
      default:
        write(row);
    }
  }

  void swap_out(Shadow& row) {
    const KvUsage before = kv_->usage();
    KvWork work;
    const Grant answer = kv_->swap_out(row.sequence.id, work);
    if (plain_) {
      ASSERT_EQ(answer, plain_->swap_out(row.sequence.id));
    }
    if (answer == Grant::ok) {
      row.is_swapped = true;
      ASSERT_EQ(work.swapped_out, before.reserved() - kv_->usage().reserved());
    } else {
      ASSERT_EQ(kv_->usage(), before) << "a refusal changes nothing";
    }
  }

  void swap_in(Shadow& row) {
    const KvUsage before = kv_->usage();
    KvWork work;
    const Grant answer = kv_->swap_in(row.sequence.id, work);
    if (plain_) {
      const auto written = static_cast<std::int64_t>(row.written.size());
      ASSERT_EQ(answer, plain_->swap_in(row.sequence.id, written));
    }
    if (answer == Grant::ok) {
      row.is_swapped = false;
      ASSERT_EQ(work.swapped_in, kv_->usage().reserved() - before.reserved());
    } else {
      ASSERT_EQ(kv_->usage(), before) << "a refusal changes nothing";
    }
  }

  void admit(SequenceId id) {
    const KvSequence sequence = draw(id);
    const std::int64_t known = (sequence.left_padding + sequence.prompt).count();
    Admission admission;
    admission.entries = Tokens{upto(known + (upto(9) == 0 ? 30 : 0))};
    admission.must_fit = Tokens{upto(1) == 0 ? known : 0};
    admission.watermark_applies = upto(1) == 0;
    const KvUsage before = kv_->usage();
    const Grant forecast = kv_->could_admit(sequence, admission);
    ASSERT_EQ(kv_->usage(), before) << "a question changes nothing";
    KvWork work;
    const Grant answer = kv_->admit(sequence, admission, work);
    ASSERT_EQ(answer, forecast);
    if (plain_) {
      ASSERT_EQ(answer, plain_->admit(sequence, admission));
    }
    if (answer == Grant::ok) {
      rows_[index_of(id)] =
          Shadow{.sequence = sequence, .written = {}, .room = admission.entries.count()};
    } else {
      ASSERT_EQ(kv_->usage(), before) << "a refusal changes nothing";
    }
  }

  void extend(Shadow& row) {
    const std::int64_t entries = static_cast<std::int64_t>(row.written.size()) + upto(20);
    const KvUsage before = kv_->usage();
    KvWork work;
    const Grant answer = kv_->extend(row.sequence.id, Tokens{entries}, work);
    if (plain_) {
      ASSERT_EQ(answer, plain_->extend(row.sequence.id, entries));
    }
    if (answer == Grant::ok) {
      row.room = std::max(row.room, entries);
    } else {
      ASSERT_EQ(kv_->usage(), before) << "a refusal changes nothing";
    }
  }

  void write(Shadow& row) {
    const std::int64_t room = row.room - static_cast<std::int64_t>(row.written.size());
    const std::int64_t entries = upto(room);
    kv_->write(row.sequence.id, Tokens{entries});
    if (plain_) {
      plain_->wrote(row.sequence.id, static_cast<std::int64_t>(row.written.size()) + entries);
    }
    for (std::int64_t i = 0; i < entries; ++i) {
      const auto at = static_cast<std::int64_t>(row.written.size());
      const bool is_padding = row.has_ended || at < row.sequence.left_padding.count();
      row.written.push_back(is_padding ? Cell::pad : Cell::live);
    }
  }

  void end(Shadow& row) {
    if (row.has_ended) {
      return;
    }
    kv_->end_of_sequence(row.sequence.id);
    row.has_ended = true;
    std::replace(row.written.begin(), row.written.end(), Cell::live, Cell::dead);
  }

  void release(SequenceId id) {
    kv_->release(id);
    if (plain_) {
      plain_->release(id);
    }
    rows_[index_of(id)].reset();
  }

  void check() {
    kv_->audit();
    const KvUsage usage = kv_->usage();
    ASSERT_EQ(usage.total(), kv_->pool());
    ASSERT_LE(usage.free_unusable, usage.free());
    ASSERT_EQ(sum_of(kv_->free_runs()), usage.cached_free + usage.free());
    ASSERT_LE(usage.largest_free, kv_->pool());
    KvUsage expected;
    for (const std::optional<Shadow>& row : rows_) {
      if (row) {
        ASSERT_NO_FATAL_FAILURE(check_row(*row, expected));
      }
    }
    ASSERT_EQ(usage.live, expected.live);
    ASSERT_EQ(usage.dead, expected.dead);
    ASSERT_EQ(usage.pad, expected.pad);
    if (plain_) {
      check_grants(usage, expected);
    }
  }

  // Adds the row's cells to `expected`, one by one.
  void check_row(const Shadow& row, KvUsage& expected) {
    const SequenceKvUsage held = kv_->usage(row.sequence.id);
    if (row.is_swapped) {
      ASSERT_EQ(held.reserved, Bytes{0});
      return;
    }
    ASSERT_GE(held.reserved, pool_.bytes_per_token * row.room);
    Bytes live{0};
    for (const Cell cell : row.written) {
      (cell == Cell::live   ? live
       : cell == Cell::dead ? expected.dead
                            : expected.pad) += pool_.bytes_per_token;
    }
    ASSERT_EQ(held.written, live);
    expected.live += live;
    if (!plain_) {
      return;
    }
    const std::int64_t cells = plain_->cells(row.sequence.id);
    const Bytes rounding = plain_->rounding(row.sequence.id);
    ASSERT_EQ(held.reserved, pool_.bytes_per_token * cells + rounding);
    expected.rounding += rounding;
    for (auto at = static_cast<std::int64_t>(row.written.size()); at < cells; ++at) {
      const bool will_be_written = at < row.sequence.final_entries().count();
      (will_be_written ? expected.reserved_future : expected.reserved_never) +=
          pool_.bytes_per_token;
    }
  }

  void check_grants(const KvUsage& usage, KvUsage expected) {
    const KvUsage unowned = plain_->unowned(head_);
    expected.cached_free = unowned.cached_free;
    expected.withheld = unowned.withheld;
    expected.free_unusable = unowned.free_unusable;
    expected.free_usable = unowned.free_usable;
    expected.largest_free = unowned.largest_free;
    expected.external_static = unowned.external_static;
    expected.external_demand = unowned.external_demand;
    ASSERT_EQ(usage, expected);
    ASSERT_EQ(kv_->free_blocks(), plain_->free_blocks());
    KvWork work;
    kv_->settle(work);
    ASSERT_EQ(work.cells_scanned, Tokens{plain_->scanned_in_vain()});
  }

  static constexpr std::int64_t max_rows = 12;
  KvPool pool_;
  std::unique_ptr<KvCache> kv_;
  std::unique_ptr<naive::NaiveGrants> plain_;
  std::mt19937_64 random_;
  std::int64_t num_drawn_ = 0;  // each is a conversation of its own, so that nothing is shared
  std::array<std::optional<Shadow>, max_rows> rows_;
  std::optional<KvSequence> head_;
};

template <class Spec>
class KvCacheProperty : public testing::Test {};

template <class Variant>
struct AllOf;
template <class... Specs>
struct AllOf<std::variant<Specs...>> {
  using Types = testing::Types<Specs...>;
};

struct SpecKind {
  template <class Spec>
  static std::string GetName(int /*index*/) {  // NOLINT(readability-identifier-naming)
    return std::string(Spec::kind);
  }
};

TYPED_TEST_SUITE(KvCacheProperty, AllOf<KvCacheSpec>::Types, SpecKind);

// Managers whose sequences come and go one by one, each with cells of its own. Batches have their
// own programs, and who keeps nothing has nothing to account for.
template <class Spec>
bool serves_sequences() {
  const KvTraits traits = Spec{}.traits();
  return !traits.batch_shaped && !traits.keeps_nothing;
}

TYPED_TEST(KvCacheProperty, KeepsEveryCellAccountedFor) {
  if (!serves_sequences<TypeParam>()) {
    return;
  }
  for (const auto& setting : settings_of<TypeParam>()) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      SCOPED_TRACE(testing::Message() << setting.name << ", seed " << seed);
      Program<TypeParam> program(setting, seed);
      ASSERT_NO_FATAL_FAILURE(program.run(250));
    }
  }
}

// The forecast of an empty pool equals what it holds when it is filled.
TYPED_TEST(KvCacheProperty, HoldsAsManySequencesAsItSays) {
  if (!serves_sequences<TypeParam>()) {
    return;
  }
  for (const auto& setting : settings_of<TypeParam>()) {
    std::mt19937_64 random(7);
    for (int round = 0; round < 40; ++round) {
      KvSequence sequence;
      sequence.prompt = Tokens{static_cast<std::int64_t>(1 + random() % 40)};
      sequence.output = Tokens{static_cast<std::int64_t>(1 + random() % 20)};
      SCOPED_TRACE(testing::Message() << setting.name << ", prompt " << sequence.prompt.count()
                                      << ", output " << sequence.output.count());
      const auto kv = make_kv_cache(setting.spec, setting.pool);
      Admission whole;
      whole.entries = sequence.final_entries();
      std::int64_t held = 0;
      Grant answer = Grant::ok;
      KvWork work;
      while ((answer = kv->admit(sequence, whole, work)) == Grant::ok) {
        kv->write(sequence.id, sequence.final_entries());
        sequence.id = SequenceId{static_cast<std::uint32_t>(++held)};
        sequence.content.conversation = held;
        ASSERT_LE(held, 1000);
      }
      ASSERT_EQ(held, kv->sequences_that_fit(sequence.prompt, sequence.output));
      ASSERT_EQ(held > 0, kv->can_ever_hold(sequence));
      ASSERT_EQ(answer, held > 0 ? Grant::later : Grant::never);
      ASSERT_LE(sequence.final_entries() * held, kv->capacity());
    }
  }
}

}  // namespace
}  // namespace tessera
