// memory.csv: where every byte of a device was, a row every so often.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "tessera/engine/recorder.hpp"

namespace tessera {

// The most rows of a series' file.
inline constexpr std::int64_t max_series_rows = 10'000;

// A row at 0, every, 2·every, … with the state in force at that instant, that is, after all that
// happened in it. How long a run lasts is not known before: rows are kept, and where there would be
// too many of them, every other one goes and the distance between them doubles.
class MemorySeries {
 public:
  // `devices`: of the node, which share the rows of the file.
  MemorySeries(Duration every, std::int64_t devices);

  // Precondition: records of one device come in order of time.
  void add(const UsageRecord& record);
  void add(const SpanRecord& span);
  // The rows up to the end of the run. Call once.
  void finish(SimTime end);
  // By time, then engine, then device. Throws OutputFailed.
  void write(const std::filesystem::path& folder) const;

  // Between rows, after finish().
  [[nodiscard]] Duration every() const { return Duration::picoseconds(every_ * stride_); }

 private:
  struct Row {
    Int128 index;  // in units of `every`
    DeviceLedger ledger;
  };
  struct Device {
    UsageRecord state;
    Int128 next = 0;  // index of the next row
    std::vector<Row> rows;
  };

  Device& device_at(EngineId engine, std::int64_t device, SimTime time);
  void emit_rows(Device& device, Int128 time);
  void emit_row(Device& device, const DeviceLedger& ledger);
  void widen();
  void find_next_row();

  Int128 every_;
  std::int64_t max_instants_;
  Int128 stride_ = 1;
  std::vector<Device> devices_;
  SimTime next_row_;  // of any device: what ends before it has nothing to tell
};

}  // namespace tessera
