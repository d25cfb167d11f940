#include "sim/cli/progress.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "sim/cli/text.hpp"

namespace tessera {
namespace {

constexpr std::int64_t bar_width = 30;
constexpr std::chrono::milliseconds first_drawn_after{500};
constexpr std::chrono::milliseconds between_drawings{100};
constexpr const char* erase_line = "\r\033[K";

// https://no-color.org: any value but the empty one switches colours off.
bool colour_wanted() {
  const char* const refused = std::getenv("NO_COLOR");
  return refused == nullptr || *refused == '\0';
}

void draw(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

ProgressBar::ProgressBar(std::string what, Show show)
    : what_(std::move(what)), visible_(show == Show::if_terminal && isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_) {
    draw(erase_line);
  }
}

void ProgressBar::update(std::int64_t done, std::int64_t total, std::int64_t kept) {
  const Clock::time_point now = Clock::now();
  if (!visible_ || now - start_ < first_drawn_after || now - last_drawn_ < between_drawings) {
    return;
  }
  drawn_ = true;
  last_drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done - kept) / seconds;
  const auto filled = static_cast<std::size_t>(bar_width * done / total);
  const std::string full(filled, '#');
  const std::string empty(static_cast<std::size_t>(bar_width) - filled, '.');
  const bool colour = colour_wanted();
  std::string line = erase_line;
  line +=
      "[" + std::string(colour ? "\033[32m" : "") + full + (colour ? "\033[0m" : "") + empty + "] ";
  line += grouped(done) + "/" + grouped(total) + " " + what_ + ", " + three_digits(rate) + "/s";
  if (done > kept && done < total) {
    line += ", " + human_seconds(static_cast<double>(total - done) / rate) + " left";
  }
  draw(line);
}

bool stdout_takes_colour() {
  return isatty(STDOUT_FILENO) == 1 && colour_wanted();
}

}  // namespace tessera
