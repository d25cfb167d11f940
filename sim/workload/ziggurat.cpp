#include "sim/workload/ziggurat.hpp"

#include <optional>
#include <utility>

namespace tessera {
namespace {

// A stream whose last bits are drawn again.
class Resumed {
 public:
  using result_type = RandomStream::result_type;

  Resumed(std::uint64_t bits, const RandomStream& stream) : bits_(bits), stream_(stream) {}

  [[nodiscard]] static constexpr result_type min() { return RandomStream::min(); }
  [[nodiscard]] static constexpr result_type max() { return RandomStream::max(); }
  result_type operator()() { return bits_ ? *std::exchange(bits_, std::nullopt) : stream_(); }
  [[nodiscard]] const RandomStream& stream() const { return stream_; }

 private:
  std::optional<std::uint64_t> bits_;
  RandomStream stream_;
};

template <class Law>
RedrawnByBoost redraw(Law law, std::uint64_t bits, const RandomStream& stream) {
  Resumed resumed(bits, stream);
  const double value = law(resumed);
  return {value, resumed.stream()};
}

}  // namespace

RedrawnByBoost redraw_normal(std::uint64_t bits, RandomStream stream) {
  return redraw(boost::random::normal_distribution<double>(), bits, stream);
}

RedrawnByBoost redraw_exponential(std::uint64_t bits, RandomStream stream) {
  return redraw(boost::random::exponential_distribution<double>(), bits, stream);
}

}  // namespace tessera
