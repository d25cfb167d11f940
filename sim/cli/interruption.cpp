#include "sim/cli/interruption.hpp"

#include <array>
#include <ctime>

namespace tessera {
namespace {

// A signal that the parent has the program ignore (nohup, a shell's background jobs) stays ignored.
bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void remove_unfinished(const std::filesystem::path& unfinished) {
  // The workers may still be writing: what they add while the folder goes is removed again.
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::error_code failed;
    std::filesystem::remove_all(unfinished, failed);
    if (!failed) {
      break;
    }
  }
}

void end_by(int signal, const sigset_t& watched) {
  std::signal(signal, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &watched, nullptr);
  std::raise(signal);
}

}  // namespace

Interruption::Interruption(const std::filesystem::path& unfinished)
    : Interruption([unfinished] { remove_unfinished(unfinished); }) {}

Interruption::Interruption(std::function<void()> clean_up) : clean_up_(std::move(clean_up)) {
  sigemptyset(&watched_);
  for (const int signal : std::array{SIGINT, SIGTERM, SIGHUP}) {
    if (!is_ignored(signal)) {
      sigaddset(&watched_, signal);
    }
  }
  pthread_sigmask(SIG_BLOCK, &watched_, &before_);
  watcher_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const timespec patience{.tv_sec = 0, .tv_nsec = 50'000'000};
      const int signal = sigtimedwait(&watched_, nullptr, &patience);
      if (signal > 0) {
        clean_up_();
        end_by(signal, watched_);
      }
    }
  });
}

Interruption::~Interruption() {
  watcher_.request_stop();
  watcher_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace tessera
