// No KV cache: the generation loop of the textbooks, which passes the whole sequence through the
// model for every token. Nothing is kept between two steps, so any number of sequences fits.
#include <limits>

#include "tessera/core/contract.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

class NoKv final : public KvCache {
 public:
  explicit NoKv(const KvPool& pool) : pool_(pool.bytes) {}

  [[nodiscard]] Bytes pool() const override { return pool_; }
  [[nodiscard]] bool can_ever_hold(const KvSequence& /*sequence*/) const override { return true; }
  [[nodiscard]] std::int64_t sequences_that_fit(Tokens /*prompt*/,
                                                Tokens /*output*/) const override {
    return std::numeric_limits<std::int64_t>::max();
  }
  [[nodiscard]] Tokens capacity() const override { return Tokens::max(); }
  [[nodiscard]] bool keeps_entries() const override { return false; }
  [[nodiscard]] Tokens cached_prefix(const KvSequence& /*sequence*/,
                                     Tokens /*known*/) const override {
    return Tokens{0};
  }

  Grant admit(const KvSequence& /*sequence*/, const Admission& /*admission*/,
              KvWork& /*work*/) override {
    return Grant::ok;
  }
  [[nodiscard]] Grant could_admit(const KvSequence& /*sequence*/,
                                  const Admission& /*admission*/) const override {
    return Grant::ok;
  }
  Grant extend(SequenceId /*id*/, Tokens /*entries*/, KvWork& /*work*/) override {
    return Grant::ok;
  }
  void publish(SequenceId /*id*/, Tokens /*entries*/) override {}
  void write(SequenceId /*id*/, Tokens /*entries*/) override {}
  void end_of_sequence(SequenceId /*id*/) override {}
  void release(SequenceId /*id*/) override {}
  Grant swap_out(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  Grant swap_in(SequenceId /*id*/, KvWork& /*work*/) override { return Grant::never; }
  void set_head_of_queue(std::optional<KvSequence> /*head*/) override {}

  [[nodiscard]] KvUsage usage() const override {
    return {.free_usable = pool_, .largest_free = pool_};
  }
  [[nodiscard]] SequenceKvUsage usage(SequenceId /*id*/) const override { return {}; }
  [[nodiscard]] std::optional<Blocks> free_blocks() const override { return std::nullopt; }
  [[nodiscard]] std::optional<Blocks> total_blocks() const override { return std::nullopt; }
  void audit() const override {
    TESSERA_INVARIANT(usage().total() == pool(), "the classes sum to the pool");
  }

 private:
  Bytes pool_;
};

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(const NoKvSpec& /*spec*/, const KvPool& pool) {
  return std::make_unique<NoKv>(pool);
}

}  // namespace tessera
