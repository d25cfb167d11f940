// Single constants of a GPU, found by their paths in its preset.
#pragma once

#include <optional>
#include <string_view>

#include "tessera/hardware/gpu.hpp"

namespace tessera {

// In plain numbers, and seconds. Nothing where there is no plain number or time at `path`.
[[nodiscard]] std::optional<double> constant_at(const GpuSpec& gpu, std::string_view path);

// Precondition: constant_at() finds one there.
void set_constant(GpuSpec& gpu, std::string_view path, double value);

}  // namespace tessera
