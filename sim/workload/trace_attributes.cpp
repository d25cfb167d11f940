#include "sim/workload/trace_attributes.hpp"

#include "sim/workload/number_text.hpp"

namespace tessera {
namespace {

constexpr std::string_view number_form = "a whole number, 0 to 1000000000";
constexpr std::string_view seconds_form = "seconds from 0 on, such as 12.5";

template <std::int64_t TraceAttributes::*member>
bool read_number(std::string_view text, TraceAttributes& attributes) {
  const std::optional<std::uint32_t> number = parse_tokens(text);
  attributes.*member = number.value_or(0);
  return number.has_value();
}

template <std::optional<Duration> TraceAttributes::*member>
bool read_seconds(std::string_view text, TraceAttributes& attributes) {
  attributes.*member = parse_seconds(text);
  return (attributes.*member).has_value();
}

constexpr std::array<AttributeColumn, num_attribute_columns> columns{{
    {"tenant", number_form, read_number<&TraceAttributes::tenant>},
    {"priority", number_form, read_number<&TraceAttributes::priority>},
    {"deadline_s", seconds_form, read_seconds<&TraceAttributes::deadline>},
    {"cancel_after_s", seconds_form, read_seconds<&TraceAttributes::cancel_after>},
}};

}  // namespace

const std::array<AttributeColumn, num_attribute_columns>& attribute_columns() {
  return columns;
}

}  // namespace tessera
