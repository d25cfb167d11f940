// How each type of setting is written: text to value, and value to the shortest text that reads
// back as the same value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// What a value looks like, for the schema and for messages.
enum class ScalarForm {
  boolean,
  whole_number,
  real_number,
  size,
  duration,
  rate,
  bandwidth,
  flops,
  power,
  text,
  file
};

struct ScalarText {
  std::string_view text;
  bool quoted = false;
};

// Why a text is not a value: "expected …, got …".
struct Complaint {
  std::string message;
};

template <class T>
using Parsed = std::variant<T, Complaint>;

template <class T>
struct As {};

[[nodiscard]] Parsed<bool> parse_scalar(ScalarText text, As<bool> type);
[[nodiscard]] Parsed<std::int64_t> parse_scalar(ScalarText text, As<std::int64_t> type);
[[nodiscard]] Parsed<std::uint64_t> parse_scalar(ScalarText text, As<std::uint64_t> type);
[[nodiscard]] Parsed<double> parse_scalar(ScalarText text, As<double> type);
[[nodiscard]] Parsed<Bytes> parse_scalar(ScalarText text, As<Bytes> type);
[[nodiscard]] Parsed<Duration> parse_scalar(ScalarText text, As<Duration> type);
[[nodiscard]] Parsed<Rate> parse_scalar(ScalarText text, As<Rate> type);
[[nodiscard]] Parsed<Bandwidth> parse_scalar(ScalarText text, As<Bandwidth> type);
[[nodiscard]] Parsed<Flops> parse_scalar(ScalarText text, As<Flops> type);
[[nodiscard]] Parsed<Power> parse_scalar(ScalarText text, As<Power> type);
[[nodiscard]] Parsed<std::string> parse_scalar(ScalarText text, As<std::string> type);
[[nodiscard]] Parsed<FilePath> parse_scalar(ScalarText text, As<FilePath> type);

// Tokens, Blocks, Iterations: whole numbers without a unit.
template <class Tag>
[[nodiscard]] Parsed<Quantity<Tag>> parse_scalar(ScalarText text, As<Quantity<Tag>> /*type*/) {
  const auto number = parse_scalar(text, As<std::int64_t>{});
  if (const auto* complaint = std::get_if<Complaint>(&number)) {
    return *complaint;
  }
  return Quantity<Tag>{std::get<std::int64_t>(number)};
}

[[nodiscard]] std::string text_of(bool value);
[[nodiscard]] std::string text_of(std::int64_t value);
[[nodiscard]] std::string text_of(std::uint64_t value);
[[nodiscard]] std::string text_of(double value);
[[nodiscard]] std::string text_of(Bytes value);
[[nodiscard]] std::string text_of(Duration value);
[[nodiscard]] std::string text_of(Rate value);
[[nodiscard]] std::string text_of(Bandwidth value);
[[nodiscard]] std::string text_of(Flops value);
[[nodiscard]] std::string text_of(Power value);
[[nodiscard]] std::string text_of(const std::string& value);
[[nodiscard]] std::string text_of(const FilePath& value);
template <class Tag>
[[nodiscard]] std::string text_of(Quantity<Tag> value) {
  return text_of(value.count());
}

template <class T>
[[nodiscard]] constexpr ScalarForm form_of() {
  if constexpr (std::is_same_v<T, bool>) {
    return ScalarForm::boolean;
  } else if constexpr (std::is_same_v<T, double>) {
    return ScalarForm::real_number;
  } else if constexpr (std::is_same_v<T, Bytes>) {
    return ScalarForm::size;
  } else if constexpr (std::is_same_v<T, Duration>) {
    return ScalarForm::duration;
  } else if constexpr (std::is_same_v<T, Rate>) {
    return ScalarForm::rate;
  } else if constexpr (std::is_same_v<T, Bandwidth>) {
    return ScalarForm::bandwidth;
  } else if constexpr (std::is_same_v<T, Flops>) {
    return ScalarForm::flops;
  } else if constexpr (std::is_same_v<T, Power>) {
    return ScalarForm::power;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return ScalarForm::text;
  } else if constexpr (std::is_same_v<T, FilePath>) {
    return ScalarForm::file;
  } else {
    return ScalarForm::whole_number;
  }
}

// The names of the units of a form, in the order in which they are listed; empty: it has none.
[[nodiscard]] std::vector<std::string> unit_names(ScalarForm form);
// "150 ms".
[[nodiscard]] std::string_view example_of(ScalarForm form);

}  // namespace tessera
