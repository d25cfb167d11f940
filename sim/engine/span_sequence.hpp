// A sequence as the span engine knows it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/engine/phase_clocks.hpp"
#include "sim/engine/ticks.hpp"
#include "tessera/core/time.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

// Plain counts: this is the inner loop. Entries and blocks are those of its KV.
struct SpanSequence {
  enum class State : std::uint8_t { waiting, prefilling, decoding };

  RequestRecord record;            // what is known of it so far
  std::int64_t output = 0;         // tokens that it will sample
  std::int64_t final_entries = 0;  // at its end: the last token is never written
  std::int64_t generated = 0;      // sampled, as of when it last left decoding
  State state = State::waiting;    // also once it has ended

  // While it runs, its neighbours in order of admission, and its place in that order.
  std::uint32_t before = 0;
  std::uint32_t behind = 0;
  std::int64_t order = 0;

  // While it prefills.
  std::int64_t entries = 0;  // written
  std::int64_t target = 0;   // entries before it samples
  std::int64_t chunk = 0;    // entries of this step
  std::int64_t blocks = 0;   // that it owns
  bool is_new = false;       // admitted in this step

  // While it decodes: its entries are key + iteration before the step of that iteration.
  std::int64_t key = 0;
  std::int64_t end = 0;       // the iteration at which it leaves
  std::uint32_t residue = 0;  // modulo the block size, of those at which it takes a block

  // When what it holds was last accounted for, and the engine's clocks then.
  Ticks since = 0;
  std::int64_t since_iteration = 0;
  Ticks clock = 0;
  Ticks take_clock = 0;

  // When its phase began, and the clock that divides the phase then (phase_account.hpp).
  SimTime phase_since;
  Duration phase_clock;

  SimTime last_token;
  std::int64_t most_entries = 0;  // ever: what it computes below that is computed again
  std::int64_t most_blocks = 0;
  Int128 wasted = 0;  // ∫ of the entries that it holds room for and has not written

  // It has arrived and is seen `now`; whoever had its slot before is forgotten.
  void begin(const Request& arrived, std::int64_t output_tokens, const PhaseClocks& clocks,
             SimTime now) {
    record.request = arrived;
    record.scheduled.reset();
    record.first_token.reset();
    record.num_preemptions = 0;
    output = output_tokens;
    final_entries = arrived.prompt.count() + output_tokens - 1;
    generated = entries = blocks = 0;
    state = State::waiting;
    most_entries = most_blocks = 0;
    wasted = 0;
    phase_since = arrived.arrival;
    phase_clock = clocks.of_memory(now);
    RequestPhases& phases = record.phases;
    phases.prefill = phases.decode = phases.stalled = Duration{};
    phases.preempted = phases.recomputed = Duration{};
  }
  // It is admitted, for the first time or again.
  void end_waiting(const PhaseClocks& clocks, SimTime now) {
    RequestPhases& phases = record.phases;
    if (record.num_preemptions > 0) {
      phases.preempted += now - phase_since;
    } else {
      record.scheduled = now;
      phases.queued_memory = clocks.of_memory(now) - phase_clock;
      phases.queued_slot = now - phase_since - phases.queued_memory;
    }
    phase_since = now;
  }
  // It samples what it has prefilled for, or is preempted before.
  void end_prefilling(const PhaseClocks& clocks, SimTime now) {
    RequestPhases& phases = record.phases;
    (record.num_preemptions == 0 ? phases.prefill : phases.recomputed) += now - phase_since;
    phase_since = now;
    phase_clock = clocks.of_prefills();
  }
  void sample(SimTime now) {
    ++generated;
    last_token = now;
    if (!record.first_token) {
      record.first_token = now;
    }
  }
  // It has sampled its last token, or is preempted before.
  void end_decoding(const PhaseClocks& clocks, SimTime now) {
    const Duration stalled = clocks.of_prefills() - phase_clock;
    record.phases.stalled += stalled;
    record.phases.decode += now - phase_since - stalled;
    phase_since = now;
  }
  // It has left the decoding ones after its last token.
  void close(SimTime now, Bytes block, Bytes bytes_per_token, const PhaseClocks& clocks) {
    record.reason = output < record.request.output.count() ? EndReason::length : EndReason::none;
    record.ended = now;
    record.output = Tokens{generated};
    record.kv_peak_written = bytes_per_token * most_entries;
    record.kv_peak_reserved = block * most_blocks;
    record.kv_wasted_byte_picoseconds = wasted * bytes_per_token.count();
    end_decoding(clocks, now);
  }
  [[nodiscard]] std::int64_t prompt() const { return record.request.prompt.count(); }
  [[nodiscard]] std::int64_t known() const { return prompt() + generated; }
  // Room for entries beyond its end, in so many entries of room.
  [[nodiscard]] std::int64_t never_used(std::int64_t room) const {
    return std::max(room - final_entries, std::int64_t{0});
  }
};

}  // namespace tessera
