// requests.csv as the page shows it.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>

namespace tessera {

// Members: timeline (some requests, evenly chosen in order of arrival: {shown, of, id, engine,
// arrival, scheduled, first, finished, status}), latency (quantiles of finished requests:
// {ttft_ms, tpot_ms, e2el_ms}, 201 each, from the least to the greatest) and time_parts (where the
// time of finished requests went, in ten groups from the quickest to the slowest).
[[nodiscard]] boost::json::object request_data(const std::filesystem::path& file,
                                               std::size_t most_requests);

}  // namespace tessera
