// Series over time as the page holds them.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <filesystem>

namespace tessera {

// memory.csv: an element for each engine and device, with the ledger's classes that are ever used.
[[nodiscard]] boost::json::array memory_data(const std::filesystem::path& file, std::size_t rows);
// timeseries.csv: an element for each engine.
[[nodiscard]] boost::json::array timeseries_data(const std::filesystem::path& file,
                                                 std::size_t rows);
// iterations.csv, of engine 0: of each of many equal stretches of the run, the share of its time in
// steps with prefill and in steps of decode alone.
[[nodiscard]] boost::json::object iteration_strip(const std::filesystem::path& file);

}  // namespace tessera
