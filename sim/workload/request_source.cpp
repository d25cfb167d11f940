// Chooses the source that a workload names.
#include "tessera/workload/request_source.hpp"

#include <limits>

#include "sim/workload/gaps.hpp"
#include "sim/workload/line_reader.hpp"
#include "sim/workload/sources.hpp"

namespace tessera {
namespace {

SimTime end_of_arrivals(const WorkloadSpec& spec) {
  return spec.duration ? SimTime{} + *spec.duration : SimTime::max();
}

// What a source is made of, beside the arrivals' own spec.
struct SourceParts {
  const WorkloadSpec& spec;
  std::uint64_t seed;
  const std::string& directory;
  Diagnostics& notes;

  [[nodiscard]] RequestLengths lengths() const { return {spec, seed, directory}; }

  template <class Gaps>
  [[nodiscard]] std::unique_ptr<RequestSource> open_loop(Gaps gaps) const {
    return make_open_loop(std::move(gaps), lengths(), SourceEnd::of_generator(spec), seed);
  }

  std::unique_ptr<RequestSource> operator()(const PoissonArrivals& arrivals) const {
    return open_loop(PoissonGaps(arrivals));
  }
  std::unique_ptr<RequestSource> operator()(const GammaArrivals& arrivals) const {
    return open_loop(GammaGaps(arrivals));
  }
  std::unique_ptr<RequestSource> operator()(const WeibullArrivals& arrivals) const {
    return open_loop(WeibullGaps(arrivals));
  }
  std::unique_ptr<RequestSource> operator()(const ConstantArrivals& arrivals) const {
    return open_loop(ConstantGaps(arrivals));
  }
  std::unique_ptr<RequestSource> operator()(const BurstArrivals& arrivals) const {
    return open_loop(BurstGaps(arrivals));
  }
  std::unique_ptr<RequestSource> operator()(const ClosedLoopArrivals& arrivals) const {
    return make_closed_loop(arrivals, lengths(), SourceEnd::of_generator(spec), seed);
  }
  std::unique_ptr<RequestSource> operator()(const TraceArrivals& arrivals) const {
    const std::string path = resolve_path(arrivals.file.path, directory);
    const std::unique_ptr<std::streambuf> text = open_text(path);
    return make_trace_replay(read_trace(*text, path, arrivals, notes), lengths(),
                             SourceEnd::of_trace(spec));
  }
};

}  // namespace

SourceEnd SourceEnd::of_generator(const WorkloadSpec& spec) {
  SourceEnd end;
  end.last_arrival = end_of_arrivals(spec);
  if (spec.requests) {
    end.requests = *spec.requests;
  } else if (spec.duration && !std::holds_alternative<BurstArrivals>(spec.arrivals)) {
    end.requests = std::numeric_limits<std::int64_t>::max();
  }
  return end;
}

SourceEnd SourceEnd::of_trace(const WorkloadSpec& spec) {
  return {spec.requests.value_or(std::numeric_limits<std::int64_t>::max()), end_of_arrivals(spec)};
}

std::unique_ptr<RequestSource> make_request_source(const WorkloadSpec& spec, std::uint64_t seed,
                                                   const std::string& directory,
                                                   Diagnostics& notes) {
  return shape_source(std::visit(SourceParts{spec, seed, directory, notes}, spec.arrivals), spec,
                      seed, directory);
}

}  // namespace tessera
