#include "sim/study/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace tessera {

void for_each_in_parallel(std::int64_t count, std::int64_t threads,
                          const std::function<void(std::int64_t)>& work) {
  std::atomic<std::int64_t> next = 0;
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  std::exception_ptr fatal;
  const auto take = [&] {
    try {
      for (std::int64_t i = next++; i < count && !stopped; i = next++) {
        work(i);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      stopped = true;
      fatal = fatal ? fatal : std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::int64_t i = 1; i < std::min(threads, count); ++i) {
      others.emplace_back(take);
    }
    take();
  }
  if (fatal) {
    std::rethrow_exception(fatal);
  }
}

}  // namespace tessera
