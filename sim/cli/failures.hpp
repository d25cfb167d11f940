// The points of a sweep that failed, those with one reason together.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tessera/study/sweep_plan.hpp"

namespace tessera {

class Failures {
 public:
  void add(const SweepPlan& plan, std::int64_t point, const std::string& reason);
  [[nodiscard]] std::int64_t count() const { return count_; }
  // A line a reason, on the standard error, in the order of the first points.
  void report() const;

 private:
  struct Group {
    std::string reason;
    std::vector<std::string> ids;  // the first few
    std::string settings;          // of the first
    std::int64_t points = 0;
  };
  std::vector<Group> groups_;
  std::map<std::string, std::size_t> known_;
  std::int64_t count_ = 0;
};

}  // namespace tessera
