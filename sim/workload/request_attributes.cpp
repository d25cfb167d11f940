#include "sim/workload/request_attributes.hpp"

#include "sim/workload/uniform.hpp"
#include "sim/workload/ziggurat.hpp"

namespace tessera {

RequestAttributes::RequestAttributes(const WorkloadSpec& spec, std::uint64_t seed)
    : spec_(spec), cancellations_(seed, "cancellations") {
  if (spec.tenants) {
    tenants_.emplace(spec.tenants->count, spec.tenants->exponent, seed, "tenants");
  }
  if (spec.priorities) {
    priorities_.emplace(spec.priorities->count, spec.priorities->exponent, seed, "priorities");
  }
  if (spec.shared_prefixes) {
    groups_.emplace(spec.shared_prefixes->groups, spec.shared_prefixes->exponent, seed,
                    "shared_prefixes");
  }
}

bool RequestAttributes::any(const WorkloadSpec& spec) {
  return spec.tenants || spec.priorities || spec.shared_prefixes || spec.deadline ||
         spec.client_timeout || spec.cancellations || spec.sampling;
}

void RequestAttributes::apply_identity(Request& request) {
  if (spec_.sampling) {
    request.num_sequences = spec_.sampling->num_sequences();
    request.use_beam_search = spec_.sampling->use_beam_search;
  }
  if (tenants_) {
    request.tenant = (*tenants_)();
  }
  if (priorities_) {
    request.priority = (*priorities_)();
  }
  if (groups_) {
    request.content.group = (*groups_)();
    request.content.shared_prefix = spec_.shared_prefixes->tokens;
    request.prompt += spec_.shared_prefixes->tokens;
  }
}

void RequestAttributes::apply_patience(Request& request) {
  if (spec_.deadline) {
    request.deadline = request.arrival + *spec_.deadline;
  }
  if (spec_.client_timeout) {
    give_up(request, *spec_.client_timeout, GivesUp::times_out);
  }
  if (spec_.cancellations && draw_unit(cancellations_) < spec_.cancellations->fraction) {
    const Duration mean = spec_.cancellations->mean_after;
    const double drawn = draw_exponential(cancellations_);
    give_up(request, GapQuantum(mean).round(mean.to_seconds() * drawn), GivesUp::cancels);
  }
}

// The earliest counts.
void RequestAttributes::give_up(Request& request, Duration after, GivesUp how) const {
  if (request.arrival + after < request.gives_up_at) {
    request.gives_up_at = request.arrival + after;
    request.gives_up = how;
  }
}

}  // namespace tessera
