// A test's view of a compressed file: all of its text at once.
#pragma once

#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace tessera::test {

inline std::string decompressed_xz(const std::filesystem::path& file) {
  std::ifstream raw(file, std::ios::binary);
  if (!raw) {
    throw std::runtime_error("cannot read " + file.string());
  }
  boost::iostreams::filtering_istream in;
  in.push(boost::iostreams::lzma_decompressor());
  in.push(raw);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace tessera::test
