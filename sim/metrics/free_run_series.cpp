#include "sim/metrics/free_run_series.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

#include "sim/metrics/memory_series.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

FreeRunSeries::FreeRunSeries(Duration every) : every_(every.picoseconds()) {
  TESSERA_INVARIANT(every_ > 0, "a series has a distance between its rows");
}

void FreeRunSeries::add(const FreeRunsRecord& record) {
  Engine& engine = engine_at(record.engine, record.time.since_start().picoseconds());
  engine.state = {};
  for (const Bytes run : record.runs) {
    TESSERA_INVARIANT(run > Bytes{0}, "a free run holds something");
    const auto size =
        static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(run.count())) - 1);
    ++engine.state[size].num_runs;
    engine.state[size].bytes += run;
  }
}

// The engine with the instants before `time` written.
FreeRunSeries::Engine& FreeRunSeries::engine_at(EngineId id, Int128 time) {
  for (Engine& known : engines_) {
    if (known.id == id) {
      emit_until(known, time);
      return known;
    }
  }
  Engine& fresh = engines_.emplace_back();
  fresh.id = id;
  return fresh;
}

void FreeRunSeries::emit_until(Engine& engine, Int128 time) {
  while (engine.next * every_ < time) {
    for (std::size_t size = 0; size < num_sizes; ++size) {
      if (engine.state[size].num_runs > 0) {
        engine.rows.push_back({engine.next, size, engine.state[size]});
      }
    }
    engine.next += stride_;
    while (num_rows() > static_cast<std::size_t>(max_series_rows)) {
      widen();
    }
  }
}

// All engines at once, so that the file keeps one grid.
void FreeRunSeries::widen() {
  stride_ *= 2;
  for (Engine& engine : engines_) {
    std::erase_if(engine.rows, [this](const Row& row) { return row.index % stride_ != 0; });
    engine.next = (engine.next + stride_ - 1) / stride_ * stride_;
  }
}

std::size_t FreeRunSeries::num_rows() const {
  std::size_t rows = 0;
  for (const Engine& engine : engines_) {
    rows += engine.rows.size();
  }
  return rows;
}

void FreeRunSeries::finish(SimTime end) {
  for (Engine& engine : engines_) {
    emit_until(engine, end.since_start().picoseconds() + 1);
  }
}

void FreeRunSeries::write(const std::filesystem::path& folder) const {
  std::vector<std::pair<EngineId, const Row*>> rows;
  for (const Engine& engine : engines_) {
    for (const Row& row : engine.rows) {
      rows.emplace_back(engine.id, &row);
    }
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second->index, a.first, a.second->size) <
           std::tie(b.second->index, b.first, b.second->size);
  });
  RowWriter file(folder / "free_runs.csv", "time_s,engine,at_least_bytes,num_runs,free_bytes");
  for (const auto& [engine, row] : rows) {
    append_seconds(file.row(), Duration::picoseconds(row->index * every_));
    for (const std::int64_t value : {number_of(engine), std::int64_t{1} << row->size,
                                     row->runs.num_runs, row->runs.bytes.count()}) {
      file.row() += ',';
      append_integer(file.row(), value);
    }
    file.row_done();
  }
  file.close();
}

}  // namespace tessera
