// The most bytes of KV that the engines of a node have reserved at one moment, where they tell of
// many steps at once and so not in the order of time.
//
// Within a span what an engine has reserved only grows. So the sum over the engines is largest
// right before one of them begins something new, or right then: only there is it looked at, and
// only where the engines' own maxima could make up more than the peak so far.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "tessera/engine/recorder.hpp"

namespace tessera {

class JointPeak {
 public:
  // Of engines with one device each.
  explicit JointPeak(std::int64_t engines);

  // Precondition: records of one engine come in order of time, and no step takes no time.
  void add(const UsageRecord& record);
  void add(const SpanRecord& span);
  // Nothing more is told. Call once.
  void finish();

  // After finish(): as if each step's usage had been told when it began, engine after engine.
  [[nodiscard]] Bytes peak() const { return peak_; }

 private:
  // What an engine has reserved from some time on.
  class Holding {
   public:
    Holding() = default;
    explicit Holding(const UsageRecord& record);
    explicit Holding(const SpanRecord& span);
    [[nodiscard]] SimTime since() const { return since_; }
    [[nodiscard]] Bytes first() const { return first_; }
    [[nodiscard]] Bytes most() const { return most_; }
    [[nodiscard]] Bytes at(SimTime time) const;

   private:
    SimTime since_;
    Bytes first_{0};
    Bytes most_{0};
    std::vector<std::int64_t> taken_;  // what the span's list of them shows
    std::optional<SpanRecord> span_;   // where it grows
  };
  struct Engine {
    Holding now;
    std::deque<Holding> next;
    SimTime known_until;  // what it holds then is told, too
    Bytes reserved{0};    // while a moment is looked at
  };

  Engine& engine(EngineId id) { return engines_[static_cast<std::size_t>(number_of(id))]; }
  void settle();
  [[nodiscard]] Bytes bound(SimTime time) const;
  void look_before(SimTime time);
  void begin(Engine& engine, SimTime time);

  std::vector<Engine> engines_;
  Bytes sum_{0};  // while a moment is looked at
  Bytes peak_{0};
};

}  // namespace tessera
