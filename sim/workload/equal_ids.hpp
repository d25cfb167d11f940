// Ids of equally many digits, which stand in a list at equal distances: several are read at once,
// with the vectors that every x86-64 has, or with words on any other machine.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sim/workload/plain_text.hpp"

namespace tessera {

inline constexpr std::size_t ids_at_once = 4;

// How an id and the gap behind it, ", " or ",", look in a word, of which the first character is the
// lowest byte. All is there twice, for vectors of two words.
struct alignas(16) IdForm {
  using Words = std::array<std::uint64_t, 2>;

  Words expected{};    // a zero for each digit, and the gap
  Words most_above{};  // what may be left of each character when `expected` has been taken away
  Words unused{};      // bits behind the id; the second word is zero
  // Makes pairs of digits. It is kept with the rest because compilers put several shifts and
  // additions in place of a product with what they know.
  Words pairs{0x0A01'0A01'0A01'0A01, 0x0A01'0A01'0A01'0A01};
  std::size_t stride = 0;  // from an id to the next

  // Precondition: has_room_for(length, gap).
  constexpr IdForm(std::size_t length, std::size_t gap) : stride(length + gap) {
    std::uint64_t text = 0;
    std::uint64_t most = 0;
    for (std::size_t at = sizeof text; at-- > 0;) {
      const bool is_digit = at < length;
      const bool is_behind = at >= stride;
      const char c = is_digit ? '0' : is_behind ? '\0' : at == length ? ',' : ' ';
      text = text << 8U | static_cast<std::uint8_t>(c);
      most = most << 8U | (is_digit ? 9U : is_behind ? 0xFFU : 0U);
    }
    expected = {text, text};
    most_above = {most, most};
    unused = {8 * (sizeof text - length), 0};
  }
  static constexpr bool has_room_for(std::size_t length, std::size_t gap) {
    return length > 0 && length + gap <= sizeof(std::uint64_t);
  }
};

// By an id's length less one.
template <std::size_t gap>
inline constexpr std::array<IdForm, 6> id_forms{IdForm(1, gap), IdForm(2, gap), IdForm(3, gap),
                                                IdForm(4, gap), IdForm(5, gap), IdForm(6, gap)};

namespace in_words {

// Reads the next `ids_at_once` ids, which should be of that form, into `ids`. As many of them are
// as there are whole words among the characters whose number it returns, and these words go on to
// match for the rest of it; what is written behind them means nothing. Looks at no more than
// `ids_at_once` words from `text` on.
inline std::size_t read_ids(const IdForm& form, const char* text, std::uint64_t* ids) {
  std::size_t matching = 0;
  for (std::size_t i = 0; i < ids_at_once; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text + i * form.stride, sizeof word);
    word ^= form.expected[0];
    ids[i] = joined_digits(word << form.unused[0]);
    while (matching / sizeof word == i && (word >> 8 * (matching % 8) & 0xFF) <=
                                              (form.most_above[0] >> 8 * (matching % 8) & 0xFF)) {
      ++matching;
    }
  }
  return matching;
}

}  // namespace in_words

#ifdef __SSE2__

[[nodiscard]] inline __m128i vector_of(const IdForm::Words& words) {
  __m128i vector;
  std::memcpy(&vector, words.data(), sizeof vector);
  return vector;
}

[[nodiscard]] inline __m128i vector_of(const char* first, const char* second) {
  std::array<std::int64_t, 2> words{};
  std::memcpy(&words[0], first, sizeof words[0]);
  std::memcpy(&words[1], second, sizeof words[1]);
  return _mm_unpacklo_epi64(_mm_cvtsi64_si128(words[0]), _mm_cvtsi64_si128(words[1]));
}

// Which bytes are zero, the first as the lowest bit.
[[nodiscard]] inline unsigned zeros_of(__m128i bytes) {
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128())));
}

// The upper and the lower four digits of two ids.
[[nodiscard]] inline __m128i fours_of(const IdForm& form, __m128i digits) {
  digits = _mm_sll_epi64(digits, vector_of(form.unused));  // the last comes to stand highest
  const __m128i pairs = _mm_srli_epi16(_mm_mullo_epi16(digits, vector_of(form.pairs)), 8);
  return _mm_madd_epi16(pairs, _mm_set1_epi32(100 + (1 << 16)));
}

// As in words.
inline std::size_t read_ids(const IdForm& form, const char* text, std::uint64_t* ids) {
  const char* const third = text + 2 * form.stride;
  const __m128i expected = vector_of(form.expected);
  const __m128i most_above = vector_of(form.most_above);
  const __m128i first = _mm_xor_si128(vector_of(text, text + form.stride), expected);
  const __m128i last = _mm_xor_si128(vector_of(third, third + form.stride), expected);

  const __m128i fours = _mm_packs_epi32(fours_of(form, first), fours_of(form, last));
  const __m128i numbers = _mm_madd_epi16(fours, _mm_set1_epi32(10'000 + (1 << 16)));
  const __m128i first_ids = _mm_unpacklo_epi32(numbers, _mm_setzero_si128());
  const __m128i last_ids = _mm_unpackhi_epi32(numbers, _mm_setzero_si128());
  std::memcpy(ids, &first_ids, sizeof first_ids);
  std::memcpy(ids + 2, &last_ids, sizeof last_ids);

  const __m128i first_above = _mm_subs_epu8(first, most_above);
  const __m128i last_above = _mm_subs_epu8(last, most_above);
  if (zeros_of(_mm_or_si128(first_above, last_above)) == 0xFFFF) {
    return ids_at_once * sizeof(std::uint64_t);
  }
  const unsigned matching = zeros_of(first_above) | zeros_of(last_above) << 16U;
  return static_cast<std::size_t>(std::countr_one(matching));
}

#else

using in_words::read_ids;

#endif

}  // namespace tessera
