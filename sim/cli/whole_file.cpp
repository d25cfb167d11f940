#include "sim/cli/whole_file.hpp"

#include <fstream>

namespace tessera {

namespace fs = std::filesystem;

void write_whole_file(const fs::path& file, std::string_view text, IfExists if_exists) {
  if (if_exists == IfExists::refuse && fs::exists(file)) {
    throw OutputExists(file.string() + " exists; --force replaces it");
  }
  fs::path partial = file;
  partial += ".partial";
  std::error_code error;
  {
    std::ofstream stream(partial, std::ios::binary);
    stream << text;
    stream.close();
    if (!stream) {
      fs::remove(partial, error);
      throw OutputFailed("cannot write " + file.string());
    }
  }
  fs::rename(partial, file, error);
  if (error) {
    fs::remove(partial, error);
    throw OutputFailed("cannot write " + file.string());
  }
}

}  // namespace tessera
