#include "sim/study/finished_sweep.hpp"

#include "tessera/study/seeds.hpp"

namespace tessera {

void write_finished_sweep(const std::string& summary_csv, const std::string& manifest,
                          const std::function<void(std::string_view, std::string_view)>& write) {
  if (const auto seeds = seeds_table(summary_csv)) {
    write("seeds.csv", seeds_csv(*seeds));
  }
  write("summary.csv", summary_csv);
  write("manifest.json", manifest);
}

}  // namespace tessera
