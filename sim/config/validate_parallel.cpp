// Rules about a model that several GPUs share.
#include <string>
#include <variant>
#include <vector>

#include "sim/config/rules.hpp"
#include "sim/config/scalar.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

template <class... Specs>
std::vector<std::string> policies_that_fill_pipelines(As<std::variant<Specs...>> /*type*/) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view kind, const PolicyTraits& traits) {
    if (traits.fills_pipelines) {
      names.emplace_back(kind);
    }
  };
  (add(Specs::kind, Specs{}.traits()), ...);
  return names;
}

}  // namespace

void Rules::check_parallel() {
  check_degrees();
  check_pipeline();
  check_links();
}

void Rules::check_degrees() {
  if (!sound({"hardware.count", "engine.parallel", "model", "precision"})) {
    return;
  }
  const ParallelSpec& parallel = scenario_.engine.parallel;
  const WeightFormat weights = scenario_.precision.weights;
  for (const std::string& why : why_not_shared(scenario_.model, weights, {parallel.tensor, 1})) {
    fault("engine.parallel.tensor", why);
  }
  for (const std::string& why : why_not_shared(scenario_.model, weights, {1, parallel.pipeline})) {
    fault("engine.parallel.pipeline", why);
  }
  const std::int64_t count = scenario_.hardware.count;
  const std::string degrees = "tensor (" + std::to_string(parallel.tensor) + ") x pipeline (" +
                              std::to_string(parallel.pipeline) + ") x replicas (" +
                              std::to_string(parallel.replicas) + ")";
  if (parallel.devices() > count) {
    fault("engine.parallel",
          degrees + " needs " + std::to_string(parallel.devices()) +
              " GPUs, and hardware.count is " + std::to_string(count) +
              "; lower a degree, or set hardware.count: " + std::to_string(parallel.devices()));
  } else if (parallel.devices() < count && sound({"engine.parallel"})) {
    note("hardware", std::to_string(count - parallel.devices()) + " of " + std::to_string(count) +
                         " GPUs stay idle: " + degrees + " uses " +
                         std::to_string(parallel.devices()));
  }
}

void Rules::check_pipeline() {
  if (!sound({"engine.parallel", "engine.policy"}) || scenario_.engine.parallel.pipeline == 1) {
    return;
  }
  if (!traits_of(scenario_.engine.policy).fills_pipelines) {
    fault("engine.parallel.pipeline",
          "the policy '" + std::string(kind_of(scenario_.engine.policy)) +
              "' has one batch in flight, which leaves all stages but one idle; take " +
              listed(policies_that_fill_pipelines(As<PolicySpec>{})));
  }
  const auto* v1 = std::get_if<VllmV1Spec>(&scenario_.engine.policy);
  if (v1 != nullptr && v1->async_scheduling) {
    fault("engine.policy.async_scheduling",
          "the stages of a pipeline have a batch each, and wait for its tokens; take false");
  }
}

void Rules::check_links() {
  const ParallelSpec& parallel = scenario_.engine.parallel;
  const bool communicates = parallel.degrees().devices() > 1;
  if (!sound({"hardware", "engine.parallel"}) || !communicates ||
      std::holds_alternative<AffineCostSpec>(scenario_.cost)) {
    return;
  }
  const GroupLink link =
      link_of(scenario_.hardware, {0, parallel.degrees().devices()}, parallel.devices());
  if (!(link.bytes_per_second > 0.0)) {
    fault("hardware.link.bandwidth",
          "the GPUs of an engine communicate, and the bandwidth between them is not known; give "
          "it, or hardware.gpu.link_measured");
  }
}

}  // namespace tessera
