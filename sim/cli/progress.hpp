// How far a long piece of work has come, on a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tessera {

// A bar with rate and time left on the standard error; silent unless that is a terminal. Colours
// only when NO_COLOR is unset or empty.
class ProgressBar {
 public:
  enum class Show { if_terminal, never };
  // `what` is counted: "points".
  ProgressBar(std::string what, Show show);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  // `kept` of those done had been done before: they say nothing of the rate.
  void update(std::int64_t done, std::int64_t total, std::int64_t kept = 0);

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  bool visible_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_ = start_;
};

// Whether results on the standard output may be coloured.
[[nodiscard]] bool stdout_takes_colour();

}  // namespace tessera
