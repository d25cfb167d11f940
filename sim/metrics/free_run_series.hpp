// free_runs.csv: a histogram of the KV pool's free runs every so often, a row a size that there is.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "tessera/engine/recorder.hpp"

namespace tessera {

// A histogram at 0, every, 2·every, … of the runs in force at that instant, by powers of two of
// their bytes. Where there would be too many rows, every other instant goes and the distance
// between them doubles.
class FreeRunSeries {
 public:
  explicit FreeRunSeries(Duration every);

  // Precondition: records of one engine come in order of time.
  void add(const FreeRunsRecord& record);
  // The instants up to the end of the run. Call once.
  void finish(SimTime end);
  // By time, then engine, then size. Throws OutputFailed.
  void write(const std::filesystem::path& folder) const;

  // Between instants, after finish().
  [[nodiscard]] Duration every() const { return Duration::picoseconds(every_ * stride_); }

 private:
  static constexpr std::size_t num_sizes = 63;
  struct Size {
    std::int64_t num_runs = 0;
    Bytes bytes{0};
  };
  using Histogram = std::array<Size, num_sizes>;  // of runs of 2^i to 2^(i+1) - 1 bytes
  struct Row {
    Int128 index;  // in units of `every`
    std::size_t size;
    Size runs;
  };
  struct Engine {
    EngineId id{};
    Histogram state{};
    Int128 next = 0;  // index of the next instant
    std::vector<Row> rows;
  };

  Engine& engine_at(EngineId id, Int128 time);
  void emit_until(Engine& engine, Int128 time);
  void widen();
  [[nodiscard]] std::size_t num_rows() const;

  Int128 every_;
  Int128 stride_ = 1;
  std::vector<Engine> engines_;
};

}  // namespace tessera
