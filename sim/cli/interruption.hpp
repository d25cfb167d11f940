// Leaves nothing behind when the user interrupts (^C) or ends the program.
#pragma once

#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

namespace tessera {

// While it lives, SIGINT, SIGTERM and SIGHUP call `clean_up` and then end the program as they would
// have. Make it before any other thread: threads inherit the signals that it
// holds back.
class Interruption {
 public:
  explicit Interruption(std::function<void()> clean_up);
  // Removes a folder of unfinished results.
  explicit Interruption(const std::filesystem::path& unfinished);
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption();

 private:
  std::function<void()> clean_up_;
  sigset_t watched_{};
  sigset_t before_{};
  std::jthread watcher_;
};

}  // namespace tessera
