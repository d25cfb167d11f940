// The rules about a scenario whose parts must go together, and what they need to report. Their
// definitions lie by subject: validate_engine.cpp, validate_workload.cpp, validate_parallel.cpp,
// validate_memory.cpp, validate_cost.cpp; what the model or the GPU alone contradicts, and the
// order in which all are asked, in validate.cpp.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "sim/config/document.hpp"
#include "sim/config/problems.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/memory/memory_plan.hpp"

namespace tessera {

// The least and the greatest length that can be drawn, as far as the spec itself tells.
struct LengthBounds {
  Tokens least{1};
  Tokens greatest{1'000'000'000};
};
[[nodiscard]] LengthBounds bounds_of(const LengthSpec& length);

class Rules {
 public:
  Rules(const Scenario& scenario, const Node& tree, Problems& problems)
      : scenario_(scenario), tree_(tree), problems_(problems) {}

  // Everything.
  void check_all();
  // What the time of one step depends on.
  void check_step();

 private:
  void fault(std::string_view path, std::string message);
  void note(std::string_view path, std::string message);
  [[nodiscard]] bool sound(std::initializer_list<std::string_view> paths) const;
  // A file that the scenario names can be read.
  void check_file(std::string_view path, const std::string& file);

  void check_contradictions();
  void check_not_modelled();

  void check_engine();
  void check_combination();
  void check_context();
  void check_policy();
  void check_token_budget();
  void check_kv_cache();
  void check_blocks();

  void check_workload();
  void check_length(std::string_view path, const std::optional<LengthSpec>& length);
  void check_lengths_fit();
  void check_what_traces_lack();
  void check_sampling();
  void check_amount();
  void check_files();

  void check_parallel();
  void check_degrees();
  void check_pipeline();
  void check_links();

  void check_memory();
  void check_pool_in_bytes();
  void check_pool(const MemoryPlan& plan);

  void check_cost();
  void check_precision();
  void check_format(std::string_view path, std::string_view format, Flops peak);
  void check_cost_files();
  void check_measured_on();
  void check_calibration();

  const Scenario& scenario_;
  const Node& tree_;
  Problems& problems_;
};

}  // namespace tessera
