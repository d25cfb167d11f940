// The clock on the wall, which only manifests may show.
#pragma once

#include <chrono>
#include <ctime>
#include <string>

namespace tessera {

// Runs from its construction on.
class Stopwatch {
 public:
  // "2026-07-31T12:00:00Z"
  [[nodiscard]] std::string started_at() const;
  // Seconds so far, as CSV holds them.
  [[nodiscard]] std::string seconds() const;

 private:
  std::time_t calendar_ = std::time(nullptr);
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace tessera
