// Whether a zstd file is there to its end. Boost's decompressor takes one that is cut off for one
// that ends early, so its frames and blocks are counted first (RFC 8878, section 3.1).
#pragma once

#include <streambuf>

namespace tessera {

// Whether the text consists of whole frames. Reads their headers only; leaves the position at the
// start. Precondition: it can seek.
[[nodiscard]] bool has_whole_zstd_frames(std::streambuf& text);

}  // namespace tessera
