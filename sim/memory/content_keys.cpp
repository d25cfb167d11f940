// Keys of content, packed so that different contents have different keys: two bits say where a
// position's content comes from, 38 bits say which, 24 bits where in it. In the spirit of the token
// numbers of vLLM-style step traces (group or conversation × 100000 + position), without their
// bounds. What the packing cannot hold (ids of 2^38 and more, such as real hashes; positions past
// 16 million; the branches of a conversation) is mixed over the fourth source's 62 bits, where a
// collision takes billions of such keys.
#include <cstdint>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

enum class Source : std::uint64_t { piece = 0, conversation = 1, group = 2, mixed = 3 };

constexpr unsigned id_bits = 38;
constexpr unsigned place_bits = 24;
constexpr unsigned source_shift = id_bits + place_bits;

// The finaliser of SplitMix64: a permutation of the 64-bit numbers.
constexpr std::uint64_t scramble(std::uint64_t z) {
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

constexpr std::uint64_t mix(Source source, std::uint64_t id, std::uint64_t place) {
  const auto tag = static_cast<std::uint64_t>(source);
  const std::uint64_t mixed = scramble(scramble(id + tag * 0x9e3779b97f4a7c15U) + place);
  return static_cast<std::uint64_t>(Source::mixed) << source_shift | mixed >> 2U;
}

constexpr std::uint64_t pack(Source source, std::uint64_t id, std::uint64_t place) {
  const auto tag = static_cast<std::uint64_t>(source);
  if ((id >> id_bits) == 0 && (place >> place_bits) == 0) [[likely]] {
    return tag << source_shift | id << place_bits | place;
  }
  return mix(source, id, place);
}

}  // namespace

std::uint64_t ContentKeys::key(Tokens position) const {
  const auto place = static_cast<std::uint64_t>(position.count());
  if (branch > 0 && position >= branches_at) {
    const std::uint64_t own =
        scramble(static_cast<std::uint64_t>(conversation)) + static_cast<std::uint64_t>(branch);
    return mix(Source::conversation, own, place);
  }
  const auto piece_length = static_cast<std::uint64_t>(hash_tokens.count());
  if (!hash_ids.empty() && place / piece_length < hash_ids.size()) {
    return pack(Source::piece, hash_ids[place / piece_length], place % piece_length);
  }
  if (group >= 0 && position < shared_prefix) {
    return pack(Source::group, static_cast<std::uint64_t>(group), place);
  }
  return pack(Source::conversation, static_cast<std::uint64_t>(conversation), place);
}

}  // namespace tessera
