// tessera-mpi: the program whose sweeps run on the processes of an MPI job.
//
// Process 0 is the program: it reads the command line, hands out points, and writes the tables. It
// works on points itself in a second thread. The others only do what they are told. Whoever is free
// gets the next points, two at a time, so that nobody waits for the network; the rows stand in the
// order of the points whoever ran them. A process that dies ends the job, as mpirun has it, and
// costs the points that were at work: --resume does these and the rest.

#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

#include "sim/mpi/messages.hpp"
#include "tessera/cli/program.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {
namespace {

namespace mpi = boost::mpi;

constexpr int order_tag = 1;
constexpr int answer_tag = 2;
constexpr int orders_ahead = 2;
constexpr std::chrono::microseconds between_looks{200};

SweepAnswer answer_to(const SweepPlan& plan, const SweepPlaces* places, const RunOrigin& origin,
                      std::int64_t point) {
  SweepAnswer answer;
  try {
    answer.outcome = run_point(plan, places, origin, point);
  } catch (const std::exception& failure) {
    answer.outcome.row.point = point;
    answer.fatal = failure.what();
  }
  return answer;
}

std::string why_not_shared(const SweepPlaces& places, int rank) {
  if (std::filesystem::exists(places.folder / "sweep.json")) {
    return "";
  }
  return "process " + std::to_string(rank) + " on " + mpi::environment::processor_name() +
         " does not see " + places.folder.string() +
         ": the folder must be on a file system that all hosts share";
}

// What every process but the first does.
void serve(const mpi::communicator& world) {
  std::optional<SweepPlan> plan;
  std::optional<SweepPlaces> places;
  RunOrigin origin;
  std::string not_shared;
  for (;;) {
    SweepOrder order;
    world.recv(0, order_tag, order);
    if (order.kind == SweepOrder::Kind::end) {
      return;
    }
    if (order.kind == SweepOrder::Kind::begin) {
      plan = order.job.plan();
      places.reset();
      if (order.job.writes_files) {
        places = SweepPlaces{order.job.folder, order.job.shard};
        not_shared = why_not_shared(*places, world.rank());
      }
      origin = {order.job.arguments};
      continue;
    }
    SweepAnswer answer;
    if (not_shared.empty()) {
      answer = answer_to(*plan, places ? &*places : nullptr, origin, order.point);
    } else {
      answer.fatal = not_shared;
    }
    world.send(0, answer_tag, answer);
  }
}

// What process 0 does with the others while a sweep runs.
class Leader {
 public:
  Leader(const mpi::communicator& world, const SweepWork& work) : world_(world), work_(work) {}

  void run() {
    begin();
    std::jthread own([this] { work_on_points(); });
    while (outstanding_ > 0 || points_are_left()) {
      const auto waiting = world_.iprobe(mpi::any_source, answer_tag);
      if (!waiting) {
        std::this_thread::sleep_for(between_looks);
        continue;
      }
      SweepAnswer answer;
      world_.recv(waiting->source(), answer_tag, answer);
      --outstanding_;
      take(std::move(answer));
      hand_out(waiting->source());
    }
    own.join();
    if (!fatal_.empty()) {
      throw OutputFailed(fatal_);
    }
  }

 private:
  void begin() {
    SweepOrder order;
    order.kind = SweepOrder::Kind::begin;
    order.job = {work_.plan.text.text(),
                 work_.plan.text.name(),
                 work_.plan.fixed,
                 work_.plan.groups,
                 work_.plan.num_points,
                 work_.places != nullptr,
                 "",
                 {},
                 work_.origin.arguments};
    if (work_.places != nullptr) {
      order.job.folder = std::filesystem::absolute(work_.places->folder).string();
      order.job.shard = work_.places->shard;
    }
    for (int rank = 1; rank < world_.size(); ++rank) {
      world_.send(rank, order_tag, order);
      for (int i = 0; i < orders_ahead; ++i) {
        hand_out(rank);
      }
    }
  }

  // The next point; nothing when there is none, or when the sweep cannot go on.
  std::optional<std::int64_t> next_point() {
    const std::lock_guard lock(mutex_);
    if (next_ >= work_.points.size() || !fatal_.empty()) {
      return std::nullopt;
    }
    return work_.points[next_++];
  }
  bool points_are_left() {
    const std::lock_guard lock(mutex_);
    return next_ < work_.points.size() && fatal_.empty();
  }

  void hand_out(int rank) {
    if (const auto point = next_point()) {
      SweepOrder order;
      order.kind = SweepOrder::Kind::run;
      order.point = *point;
      world_.send(rank, order_tag, order);
      ++outstanding_;
    }
  }

  void take(SweepAnswer answer) {
    const std::lock_guard lock(mutex_);
    if (!answer.fatal.empty()) {
      fatal_ = fatal_.empty() ? answer.fatal : fatal_;
    } else {
      work_.take(std::move(answer.outcome));
    }
  }

  void work_on_points() {
    while (const auto point = next_point()) {
      take(answer_to(work_.plan, work_.places, work_.origin, *point));
    }
  }

  const mpi::communicator& world_;
  const SweepWork& work_;
  std::int64_t outstanding_ = 0;  // orders without an answer
  std::mutex mutex_;              // of what follows, and of taking outcomes
  std::size_t next_ = 0;
  std::string fatal_;
};

int lead(const mpi::communicator& world, int argc, char** argv) {
  const SweepCrew crew{[&world](const SweepWork& work) { Leader(world, work).run(); },
                       world.size()};
  const int status = run_program(argc, argv, &crew);
  for (int rank = 1; rank < world.size(); ++rank) {
    world.send(rank, order_tag, SweepOrder{});
  }
  return status;
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  // The second thread of process 0 makes no MPI calls.
  const boost::mpi::environment environment(argc, argv, boost::mpi::threading::funneled);
  const boost::mpi::communicator world;
  if (world.rank() != 0) {
    tessera::serve(world);
    return 0;
  }
  return tessera::lead(world, argc, argv);
}
