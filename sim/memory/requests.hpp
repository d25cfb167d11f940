// What every device allocator answers alike.
#pragma once

#include "tessera/memory/device_allocator.hpp"

namespace tessera {

// A request of no bytes is granted, and this is its handle.
inline constexpr AllocationHandle no_bytes{0xffff'ffff};

// Beyond this a request is refused unseen, as PyTorch refuses an exabyte (2^60).
inline constexpr Bytes largest_request{(std::int64_t{1} << 60) - 1};

}  // namespace tessera
