// Gives requests what they have beside a time and lengths: whose they are, how urgent, which system
// prompt they begin with, and when their clients lose patience. What the workload does not name
// stays as the source has it.
#pragma once

#include <optional>

#include "sim/workload/gaps.hpp"
#include "sim/workload/zipf.hpp"
#include "tessera/core/random.hpp"
#include "tessera/workload/request.hpp"
#include "tessera/workload/workload_specs.hpp"

namespace tessera {

class RequestAttributes {
 public:
  RequestAttributes(const WorkloadSpec& spec, std::uint64_t seed);

  // Whether any of them is named by `spec`.
  [[nodiscard]] static bool any(const WorkloadSpec& spec);
  // What the turns of a conversation have in common: tenant, priority, prefix and sampling.
  void apply_identity(Request& request);
  // What every request has anew: deadline, timeout and cancellation.
  void apply_patience(Request& request);

 private:
  // Draws numbers from 0 on.
  class Category {
   public:
    Category(std::int64_t count, double exponent, std::uint64_t seed, std::string_view name)
        : law_(exponent, 1, count), stream_(seed, name) {}
    std::int64_t operator()() { return law_(stream_) - 1; }

   private:
    Zipf law_;
    RandomStream stream_;
  };

  void give_up(Request& request, Duration after, GivesUp how) const;

  WorkloadSpec spec_;
  std::optional<Category> tenants_;
  std::optional<Category> priorities_;
  std::optional<Category> groups_;
  RandomStream cancellations_;
};

}  // namespace tessera
