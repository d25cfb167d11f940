#include "sim/cli/output_options.hpp"

#include "tessera/config/load.hpp"

namespace tessera {

void add_output_options(VerbOptions& options) {
  options.value("output,o", "DIR", "write the files into this folder, which appears whole")
      .flag("force", "replace the folder if it exists")
      .flag("quiet", "no progress and no notes on the standard error");
}

std::optional<std::string> output_path(const GivenOptions& given) {
  const auto path = given.text("output");
  if (!path && given.has("force")) {
    throw WrongUsage("--force replaces an output folder; name it with -o");
  }
  if (path && path->empty()) {
    throw WrongUsage("-o needs the name of a folder");
  }
  return path;
}

std::unique_ptr<OutputFolder> output_folder(const GivenOptions& given) {
  const auto path = output_path(given);
  if (!path) {
    return nullptr;
  }
  return std::make_unique<OutputFolder>(*path,
                                        given.has("force") ? IfExists::replace : IfExists::refuse);
}

}  // namespace tessera
