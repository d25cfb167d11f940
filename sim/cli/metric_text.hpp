// Numbers of a summary for people.
#pragma once

#include <optional>
#include <string>

namespace tessera {

// Nothing where the text is empty or no number.
[[nodiscard]] std::optional<double> number_of(const std::string& text);

// A number of the summary in the unit that its column's name tells; "-" where it is undefined.
[[nodiscard]] std::string metric_text(const std::string& column, const std::string& text);

}  // namespace tessera
