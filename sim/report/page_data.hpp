// All that the page shows, as one JSON value.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>

#include "tessera/report/report.hpp"

namespace tessera {

// {kind: run|sweep, name, version, axes: […], points: {columns}, runs: [{id, …}], runs_of}
// Throws UnreadableFile for a folder without results, BadInput.
[[nodiscard]] boost::json::object page_data(const std::filesystem::path& folder,
                                            const ReportOptions& options);

}  // namespace tessera
