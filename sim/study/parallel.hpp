// The same work for many numbers, on several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace tessera {

// Calls `work(i)` once for each i from 0 to count - 1, on up to `threads` threads; the first
// exception ends it and is thrown again. `work` must be thread-safe.
void for_each_in_parallel(std::int64_t count, std::int64_t threads,
                          const std::function<void(std::int64_t)>& work);

}  // namespace tessera
