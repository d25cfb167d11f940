// The page's own files, which the program carries with it.
#pragma once

#include <string_view>

namespace tessera {

struct WebAssets {
  std::string_view page;     // with places for what follows
  std::string_view styles;   // the chart library's first
  std::string_view scripts;  // the chart library's first
  std::string_view licence;  // of the chart library
};

[[nodiscard]] WebAssets web_assets();

}  // namespace tessera
