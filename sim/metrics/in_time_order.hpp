// Rows of several engines in order of time, where each engine tells of its own in order, but of
// many at once: those wait that another engine may still precede.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "tessera/engine/recorder.hpp"

namespace tessera {

// `Rows` are one or more of an engine: end() tells when what the current row is about has ended,
// and next() goes on to the next row, or is false where there is none.
template <class Rows>
class InTimeOrder {
 public:
  explicit InTimeOrder(std::int64_t engines) : engines_(static_cast<std::size_t>(engines)) {}

  void add(EngineId engine, Rows rows) { of(engine).pending.push_back(std::move(rows)); }

  // The engine has told of all its rows up to `time`. Writes those that no engine can precede any
  // more, at one moment by engine.
  template <class Write>
  void know_until(EngineId engine, SimTime time, Write write) {
    of(engine).known_until = time;
    write_settled(write);
  }
  // All engines have told of everything.
  template <class Write>
  void finish(Write write) {
    for (Engine& engine : engines_) {
      engine.known_until = SimTime::max();
    }
    write_settled(write);
  }

 private:
  struct Engine {
    std::deque<Rows> pending;
    SimTime known_until;
  };

  Engine& of(EngineId engine) { return engines_[static_cast<std::size_t>(number_of(engine))]; }

  template <class Write>
  void write_settled(Write& write) {
    while (true) {
      Engine* first = nullptr;
      SimTime known = SimTime::max();
      for (Engine& engine : engines_) {
        if (engine.pending.empty()) {
          known = std::min(known, engine.known_until);
        } else if (first == nullptr ||
                   engine.pending.front().end() < first->pending.front().end()) {
          first = &engine;
        }
      }
      if (first == nullptr || first->pending.front().end() > known) {
        return;
      }
      write(first->pending.front());
      if (!first->pending.front().next()) {
        first->pending.pop_front();
      }
    }
  }

  std::vector<Engine> engines_;
};

}  // namespace tessera
