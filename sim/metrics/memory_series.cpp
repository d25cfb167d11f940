#include "sim/metrics/memory_series.hpp"

#include <algorithm>
#include <string>
#include <tuple>

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {
namespace {

std::string header() {
  std::string text = "time_s,engine,device,capacity_bytes";
  for (const std::string_view name : DeviceLedger::class_names) {
    text += ',';
    text += name;
    text += "_bytes";
  }
  return text +
         ",largest_free_bytes,inactive_split_bytes,external_shape,external_static_bytes,"
         "external_demand_bytes";
}

void append_bytes(std::string& row, Bytes bytes) {
  row += ',';
  append_integer(row, bytes.count());
}

void append_ledger(std::string& row, const DeviceLedger& ledger) {
  append_bytes(row, ledger.capacity);
  for (const Bytes bytes : ledger.classes()) {
    append_bytes(row, bytes);
  }
  const KvUsage& kv = ledger.kv;
  append_bytes(row, kv.largest_free);
  append_bytes(row, kv.inactive_split);
  row += ',';
  if (kv.free() > Bytes{0}) {
    append_real(row, static_cast<double>((kv.free() - kv.largest_free).count()) /
                         static_cast<double>(kv.free().count()));
  }
  append_bytes(row, kv.external_static);
  append_bytes(row, kv.external_demand);
}

}  // namespace

MemorySeries::MemorySeries(Duration every, std::int64_t devices)
    : every_(every.picoseconds()),
      max_instants_(std::max<std::int64_t>(2, max_series_rows / devices)) {
  TESSERA_INVARIANT(every_ > 0, "a series has a distance between its rows");
}

void MemorySeries::add(const UsageRecord& record) {
  device_at(record.engine, record.device, record.time).state = record;
  find_next_row();
}

void MemorySeries::find_next_row() {
  Int128 next = devices_.front().next;
  for (const Device& device : devices_) {
    next = std::min(next, device.next);
  }
  next_row_ = SimTime::at(Duration::picoseconds(next * every_));
}

// What it leaves is told by the record that follows at its end.
void MemorySeries::add(const SpanRecord& span) {
  if (span.end <= next_row_) {
    return;
  }
  Device& device = device_at(span.engine, span.device, span.start);
  const Int128 end = span.end.since_start().picoseconds();
  while (device.next * every_ < end) {
    const SimTime instant = SimTime::at(Duration::picoseconds(device.next * every_));
    emit_row(device, span.ledger_of(span.step_at(instant)));
  }
  find_next_row();
}

// The device with the rows up to `time` written.
MemorySeries::Device& MemorySeries::device_at(EngineId engine, std::int64_t device, SimTime time) {
  const Int128 instant = time.since_start().picoseconds();
  for (Device& known : devices_) {
    if (known.state.engine == engine && known.state.device == device) {
      emit_rows(known, instant);
      return known;
    }
  }
  const Int128 step = every_ * stride_;
  Device& fresh = devices_.emplace_back();
  fresh.state.engine = engine;
  fresh.state.device = device;
  fresh.next = (instant + step - 1) / step * stride_;
  return fresh;
}

// The rows of instants before `time`.
void MemorySeries::emit_rows(Device& device, Int128 time) {
  while (device.next * every_ < time) {
    emit_row(device, device.state.ledger);
  }
}

void MemorySeries::emit_row(Device& device, const DeviceLedger& ledger) {
  device.rows.push_back({device.next, ledger});
  const bool too_many = device.next / stride_ >= max_instants_;
  device.next += stride_;
  if (too_many) {
    widen();
  }
}

// All devices at once, so that the file keeps one grid.
void MemorySeries::widen() {
  stride_ *= 2;
  for (Device& device : devices_) {
    std::erase_if(device.rows, [this](const Row& row) { return row.index % stride_ != 0; });
    device.next = (device.next + stride_ - 1) / stride_ * stride_;
  }
}

void MemorySeries::finish(SimTime end) {
  const Int128 time = end.since_start().picoseconds();
  for (Device& device : devices_) {
    emit_rows(device, time + 1);
  }
}

void MemorySeries::write(const std::filesystem::path& folder) const {
  struct Reference {
    const Device* device;
    const Row* row;
  };
  std::vector<Reference> rows;
  for (const Device& device : devices_) {
    for (const Row& row : device.rows) {
      rows.push_back({&device, &row});
    }
  }
  std::sort(rows.begin(), rows.end(), [](const Reference& a, const Reference& b) {
    const UsageRecord& of_a = a.device->state;
    const UsageRecord& of_b = b.device->state;
    return std::tie(a.row->index, of_a.engine, of_a.device) <
           std::tie(b.row->index, of_b.engine, of_b.device);
  });
  RowWriter file(folder / "memory.csv", header());
  for (const auto& [device, row] : rows) {
    append_seconds(file.row(), Duration::picoseconds(row->index * every_));
    file.row() += ',';
    append_integer(file.row(), number_of(device->state.engine));
    file.row() += ',';
    append_integer(file.row(), device->state.device);
    append_ledger(file.row(), row->ledger);
    file.row_done();
  }
  file.close();
}

}  // namespace tessera
