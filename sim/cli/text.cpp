#include "sim/cli/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace tessera {

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void complain(std::string_view message) {
  const std::string line = "tessera: " + std::string(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::size_t first_digit = number < 0 ? 1 : 0;
  for (std::size_t end = text.size(); end > first_digit + 3; end -= 3) {
    text.insert(end - 3, 1, ',');
  }
  return text;
}

std::string fixed(double number, int digits) {
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  const std::string_view all = text.data();
  const std::size_t point = std::min(all.find('.'), all.size());
  std::string whole(all.substr(0, point));
  const std::size_t first_digit = number < 0 ? 1 : 0;
  for (std::size_t end = whole.size(); end > first_digit + 3; end -= 3) {
    whole.insert(end - 3, 1, ',');
  }
  return whole + std::string(all.substr(point));
}

std::string three_digits(double number) {
  if (number == 0.0) {
    return "0";
  }
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(number))));
  return fixed(number, std::clamp(2 - magnitude, 0, 9));
}

std::string human_bytes(Bytes bytes) {
  static constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes.count());
  std::size_t unit = 0;
  while (std::abs(value) >= 1024.0 && unit + 1 < units.size()) {
    value /= 1024.0;
    ++unit;
  }
  return (unit == 0 ? grouped(bytes.count()) : fixed(value, 2)) + " " + units[unit];
}

std::string human_seconds(double seconds) {
  if (seconds < 1e-3) {
    return three_digits(seconds * 1e6) + " us";
  }
  if (seconds < 1.0) {
    return three_digits(seconds * 1e3) + " ms";
  }
  if (seconds < 60.0) {
    return three_digits(seconds) + " s";
  }
  constexpr std::int64_t minute = 60;
  constexpr std::int64_t hour = 60 * minute;
  constexpr std::int64_t day = 24 * hour;
  if (seconds >= 1e15) {
    return three_digits(seconds / static_cast<double>(day)) + " d";
  }
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < hour) {
    return std::to_string(whole / minute) + " min " + std::to_string(whole % minute) + " s";
  }
  if (whole < day) {
    return std::to_string(whole / hour) + " h " + std::to_string(whole % hour / minute) + " min";
  }
  return grouped(whole / day) + " d " + std::to_string(whole % day / hour) + " h";
}

std::string percent(double fraction) {
  return fixed(fraction * 100.0, 1) + " %";
}

std::string counted(std::int64_t number, std::string_view noun) {
  return grouped(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

void Table::column(std::string heading, Align align) {
  columns_.push_back({std::move(heading), align});
}

void Table::row(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

namespace {

// Characters, not bytes: those that continue a character of UTF-8 take no place.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

}  // namespace

std::string Table::text() const {
  std::vector<std::size_t> widths;
  std::vector<std::string> headings;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = width_of(columns_[i].heading);
    for (const auto& cells : rows_) {
      width = std::max(width, width_of(cells[i]));
    }
    widths.push_back(width);
    headings.push_back(columns_[i].heading);
  }
  std::string out;
  const auto append = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - width_of(cells[i]), ' ');
      line += i == 0 ? "" : "  ";
      line += columns_[i].align == Align::right ? padding + cells[i] : cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  append(headings);
  for (const auto& cells : rows_) {
    append(cells);
  }
  return out;
}

}  // namespace tessera
