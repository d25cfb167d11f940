// trace.json, which ui.perfetto.dev opens: the steps of each engine, its requests packed into
// lanes, and counters of its queues and its KV pool. The format is Chrome's trace events
// (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU): complete
// events nest on a thread by their times, so a lane is a thread and never holds two requests at
// once.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "tessera/engine/recorder.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

// Where intervals that come in order of their ends are put so that none overlap.
class TraceLanes {
 public:
  // The lane that was free since, of those free at `begin`, the latest instant: a number from 0.
  [[nodiscard]] std::size_t place(SimTime begin, SimTime end);
  [[nodiscard]] std::size_t size() const { return num_lanes_; }

 private:
  std::multimap<SimTime, std::size_t> free_since_;
  std::size_t num_lanes_ = 0;
};

class PerfettoTrace {
 public:
  PerfettoTrace(const std::filesystem::path& folder, std::int64_t num_engines);
  void add(const StepRecord& record);
  void add(const UsageRecord& record);
  // Its steps, and the use of memory at each of them. Precondition: it names its sequences.
  void add(const SpanRecord& span);
  void add(const RequestRecord& record);
  // Names the lanes and ends the file.
  void close();

 private:
  struct Engine {
    TraceLanes steps;
    TraceLanes requests;
    std::optional<QueueSizes> queues;  // as last written
    std::optional<KvUsage> kv;
  };
  enum class Track { steps = 1, requests = 1000 };

  Engine& engine(EngineId id) { return engines_[static_cast<std::size_t>(number_of(id))]; }
  std::string& begin_event(char phase, EngineId engine, std::string_view name);
  void add_slice(EngineId engine, std::int64_t thread, std::string_view name, SimTime begin,
                 SimTime end, std::string_view arguments);
  void add_counter(EngineId engine, std::string_view name, SimTime time,
                   std::string_view arguments);
  void name_track(EngineId engine, std::string_view what, std::int64_t thread,
                  std::string_view name);
  void end_event();

  RowWriter file_;
  bool is_first_ = true;  // event
  std::vector<Engine> engines_;
};

}  // namespace tessera
