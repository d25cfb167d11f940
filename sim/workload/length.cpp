#include "sim/workload/length.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>

#include "sim/workload/csv_table.hpp"
#include "sim/workload/line_reader.hpp"
#include "sim/workload/number_text.hpp"
#include "sim/workload/power_of_e.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

double parse_length(std::string_view text, const std::string& column, const Place& place) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() ||
      !(value >= 0.0 && value <= 1e12)) {
    throw BadInput(
        place, "column " + excerpt(column) + " must be a length from 0 on, not " + excerpt(text));
  }
  return value;
}

std::vector<std::int64_t> read_lengths(const EmpiricalLength& spec, const std::string& directory) {
  const std::string path = resolve_path(spec.file.path, directory);
  const std::unique_ptr<std::streambuf> text = open_text(path);
  LineReader lines(*text, path);
  const std::optional<std::string_view> header = lines.next_filled();
  if (!header) {
    throw BadInput(Place{path, 1, 0},
                   "the file is empty; expected a header with column " + excerpt(spec.column));
  }
  CsvTable table(lines, *header);
  const std::optional<std::size_t> place = table.find(spec.column);
  if (!place) {
    std::string known;
    for (const std::string& column : table.columns()) {
      known += (known.empty() ? "" : ", ") + column;
    }
    throw BadInput(lines.place(),
                   "there is no column " + excerpt(spec.column) + "; there are " + excerpt(known));
  }
  std::vector<std::int64_t> lengths;
  while (const auto fields = table.next_row()) {
    const double length = parse_length((*fields)[*place], spec.column, lines.place());
    lengths.push_back(Length::rounded(length * spec.scale));
  }
  if (lengths.empty()) {
    throw BadInput(lines.place(), "the file has a header, but no rows");
  }
  return lengths;
}

template <class Spec>
void check_range(const Spec& spec, const std::string& name) {
  if (spec.min > spec.max) {
    throw BadInput(Place{}, "workload." + name + ": min " + std::to_string(spec.min.count()) +
                                " is above max " + std::to_string(spec.max.count()));
  }
}

}  // namespace

Length::Length(const LengthSpec& spec, const std::string& name, const std::string& directory)
    : law_(Fixed{1}) {
  std::visit(Overloaded{
                 [&](const FixedLength& fixed) { law_ = Fixed{fixed.tokens.count()}; },
                 [&](const UniformLength& uniform) {
                   check_range(uniform, name);
                   law_ = Uniform{uniform.min.count(), uniform.max.count()};
                 },
                 [&](const LognormalLength& lognormal) {
                   check_range(lognormal, name);
                   law_ = Lognormal{lognormal.median, lognormal.sigma};
                   min_ = lognormal.min.count();
                   max_ = lognormal.max.count();
                 },
                 [&](const ZipfLength& zipf) {
                   check_range(zipf, name);
                   law_ = Zipf(zipf.exponent, zipf.min.count(), zipf.max.count());
                 },
                 [&](const EmpiricalLength& empirical) {
                   check_range(empirical, name);
                   law_ = Empirical{read_lengths(empirical, directory)};
                   min_ = empirical.min.count();
                   max_ = empirical.max.count();
                 },
             },
             spec);
  range_ = static_cast<std::uint64_t>(max_ - min_);
}

void Length::draw(RandomStream& stream, Draws& lengths) const {
  std::visit([&](const auto& law) { draw(law, stream, lengths); }, law_);
}

void Length::draw(const Lognormal& law, RandomStream& stream, Draws& lengths) {
  static const PowerOfE power_of_e;
  std::array<double, std::tuple_size_v<Draws>> normals;
  draw_normals(stream, normals);
  // A sigma of at most 10 times a normal draw, none of which is beyond 20.
  std::transform(normals.begin(), normals.end(), lengths.begin(), [&](double normal) {
    return rounded(law.median * power_of_e(law.sigma * normal));
  });
}

std::int64_t Length::num_rows() const {
  const auto* const empirical = std::get_if<Empirical>(&law_);
  return empirical != nullptr ? static_cast<std::int64_t>(empirical->lengths.size()) : 0;
}

Tokens Length::in_row(std::int64_t row, std::int64_t& clamped) const {
  TESSERA_INVARIANT(row >= 0 && row < num_rows(), "a joint draw is of a row that exists");
  return clamp(std::get<Empirical>(law_).lengths[static_cast<std::size_t>(row)], clamped);
}

}  // namespace tessera
