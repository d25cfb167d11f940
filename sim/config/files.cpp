#include "sim/config/files.hpp"

#include <filesystem>
#include <fstream>

namespace tessera {

std::string file_in(const std::string& directory, const std::string& path) {
  return (std::filesystem::path(directory) / path).string();
}

bool is_readable(const std::string& path) {
  std::error_code error;
  return !std::filesystem::is_directory(path, error) && std::ifstream(path).good();
}

}  // namespace tessera
