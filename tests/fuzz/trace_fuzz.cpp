// Any bytes are a trace or bad input; nothing else may come of them. The first byte chooses the
// format and the scale.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "sim/workload/trace.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  tessera::TraceArrivals spec;
  spec.format = static_cast<tessera::TraceFormat>(data[0] % 5);
  spec.rate_scale = (data[0] & 0x80U) != 0 ? 1e-6 : 3.0;
  std::stringbuf text(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  tessera::Diagnostics notes;
  try {
    const tessera::Trace trace = tessera::read_trace(text, "fuzz", spec, notes);
    tessera::Duration last;
    for (const tessera::TraceRow& row : trace.rows) {
      if (row.arrival < last || row.prompt == 0 || row.output == 0) {
        std::abort();
      }
      last = row.arrival;
    }
  } catch (const tessera::BadInput& bad) {
    if (bad.diagnostics().empty()) {
      std::abort();
    }
  }
  return 0;
}
