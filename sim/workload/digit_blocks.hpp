// What plain_ids.cpp does with many characters at a time: with the vectors that every x86-64 has,
// or with words on any other machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sim/workload/plain_text.hpp"

namespace tessera {

inline constexpr std::size_t block_characters = 64;
inline constexpr std::size_t block_numbers = 4;

namespace in_words {

// Which of the `block_characters` at `text` are digits; the first is the lowest bit.
[[nodiscard]] inline std::uint64_t digits_among(const char* text) {
  constexpr std::uint64_t each = 0x0101010101010101;
  std::uint64_t digits = 0;
  for (std::size_t at = 0; at < block_characters; at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text + at, sizeof word);
    word ^= each * '0';  // digits become 0 to 9; the sum carries into the upper bit out of others
    const std::uint64_t others = ((word & each * 0x7F) + each * (0x7F - 9)) | word;
    // The product gathers the eight upper bits, which do not overlap, in its upper byte.
    digits |= ((~others >> 7 & each) * 0x0102040810204080 >> 56) << at;
  }
  return digits;
}

// Turns `block_numbers` words of eight digits, bytes of 0 to 9 of which the last stands highest, to
// their numbers.
inline void turn_to_numbers(std::uint64_t* words) {
  for (std::size_t i = 0; i < block_numbers; ++i) {
    words[i] = joined_digits(words[i]);
  }
}

}  // namespace in_words

#ifdef __SSE2__

[[nodiscard]] inline std::uint64_t digits_among(const char* text) {
  std::uint64_t digits = 0;
  for (std::size_t at = 0; at < block_characters; at += sizeof(__m128i)) {
    __m128i bytes;
    std::memcpy(&bytes, text + at, sizeof bytes);
    bytes = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));  // 0 to 9; others are above
    const __m128i found = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(9)), bytes);
    digits |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(found))} << at;
  }
  return digits;
}

// The upper and the lower four digits of two numbers.
[[nodiscard]] inline __m128i fours_of(const std::uint64_t* words) {
  __m128i digits;
  std::memcpy(&digits, words, sizeof digits);
  const __m128i pairs = _mm_srli_epi16(_mm_mullo_epi16(digits, _mm_set1_epi16(10 * 256 + 1)), 8);
  return _mm_madd_epi16(pairs, _mm_set1_epi32(100 + (1 << 16)));
}

inline void turn_to_numbers(std::uint64_t* words) {
  const __m128i fours = _mm_packs_epi32(fours_of(words), fours_of(words + 2));
  const __m128i numbers = _mm_madd_epi16(fours, _mm_set1_epi32(10'000 + (1 << 16)));
  const __m128i first = _mm_unpacklo_epi32(numbers, _mm_setzero_si128());
  const __m128i second = _mm_unpackhi_epi32(numbers, _mm_setzero_si128());
  std::memcpy(words, &first, sizeof first);
  std::memcpy(words + 2, &second, sizeof second);
}

#else

using in_words::digits_among;
using in_words::turn_to_numbers;

#endif

}  // namespace tessera
