#include "tessera/study/stopwatch.hpp"

#include <array>

#include "tessera/core/decimal.hpp"

namespace tessera {

std::string Stopwatch::started_at() const {
  std::tm utc{};
  std::array<char, 32> text{};
  gmtime_r(&calendar_, &utc);
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), length};
}

std::string Stopwatch::seconds() const {
  const auto passed = std::chrono::steady_clock::now() - start_;
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(passed).count();
  std::string text;
  append_seconds(text, Duration::microseconds(microseconds));
  return text;
}

}  // namespace tessera
