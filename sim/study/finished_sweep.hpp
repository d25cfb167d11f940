// The files that tell of all points of a sweep.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace tessera {

// Writes seeds.csv (over several seeds), summary.csv and at last manifest.json.
void write_finished_sweep(const std::string& summary_csv, const std::string& manifest,
                          const std::function<void(std::string_view, std::string_view)>& write);

}  // namespace tessera
