// Numbers and times in text, read exactly: digits become integers, never by way of a double.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/time.hpp"

namespace tessera {

// The longest prompt or output that is read: as in the scenario.
inline constexpr std::uint32_t most_tokens = 1'000'000'000;

// A whole number from 0 to most_tokens; "12.0", as spreadsheets write it, is one.
[[nodiscard]] std::optional<std::uint32_t> parse_tokens(std::string_view text);

// A whole number of 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_id(std::string_view text);

// A decimal number ("12", "0.5", "8.5e-05") of seconds or of milliseconds, not negative and at most
// 1e13 s, to the nearest picosecond (ties upwards).
[[nodiscard]] std::optional<Duration> parse_seconds(std::string_view text);
[[nodiscard]] std::optional<Duration> parse_milliseconds(std::string_view text);

// A date and time of day ("2023-11-16 18:15:46.6805900", perhaps with 'T' between them, perhaps
// with "Z" or "+01:00" behind), as the time since the year 0; dates are Gregorian.
[[nodiscard]] std::optional<Duration> parse_date_time(std::string_view text);

// Text for an error message: quoted, in one piece, shortened, without control characters.
[[nodiscard]] std::string excerpt(std::string_view text);

}  // namespace tessera
