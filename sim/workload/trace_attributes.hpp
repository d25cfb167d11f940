// What a trace's row may say beside times and lengths, in columns (or JSON keys) of these names:
// tenant, priority, deadline_s and cancel_after_s, the last two counted from its arrival. They may
// be missing, and so may their fields.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tessera/core/time.hpp"

namespace tessera {

struct TraceAttributes {
  std::int64_t tenant = 0;
  std::int64_t priority = 0;
  std::optional<Duration> deadline;
  std::optional<Duration> cancel_after;
  friend bool operator==(const TraceAttributes&, const TraceAttributes&) = default;
};

struct AttributeColumn {
  std::string_view name;
  std::string_view form;  // what its text must be, for messages
  // Sets what the text says. False where it says nothing of that form.
  bool (*read)(std::string_view text, TraceAttributes& attributes);
};

inline constexpr std::size_t num_attribute_columns = 4;
[[nodiscard]] const std::array<AttributeColumn, num_attribute_columns>& attribute_columns();

}  // namespace tessera
