#include "sim/cli/failures.hpp"

#include "sim/cli/text.hpp"

namespace tessera {
namespace {

constexpr std::size_t most_named = 5;

}  // namespace

void Failures::add(const SweepPlan& plan, std::int64_t point, const std::string& reason) {
  ++count_;
  const auto [at, is_new] = known_.try_emplace(reason, groups_.size());
  if (is_new) {
    groups_.push_back({reason, {}, point_settings(plan, point), 0});
  }
  Group& group = groups_[at->second];
  ++group.points;
  if (group.ids.size() < most_named) {
    group.ids.push_back(point_id(plan, point));
  }
}

void Failures::report() const {
  for (const Group& group : groups_) {
    std::string line = "error: point" + std::string(group.points == 1 ? "" : "s");
    for (const std::string& id : group.ids) {
      line += (&id == group.ids.data() ? " " : ", ") + id;
    }
    const auto unnamed = group.points - static_cast<std::int64_t>(group.ids.size());
    line += unnamed > 0 ? " and " + grouped(unnamed) + " more" : "";
    line += " (" + std::string(group.points == 1 ? "" : "the first: ") + group.settings + "): ";
    complain(line + group.reason);
  }
}

}  // namespace tessera
