// The command line of one verb: its options, its help, and what a misspelt option is told.
#pragma once

#include <array>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/core/spec.hpp"

namespace tessera {

struct VerbHelp {
  std::string synopsis;  // "tessera run [SCENARIO] [options]"
  std::string about;     // what it does, in a sentence or two
  std::string examples;  // one a line, indented
};

// One option as help, completion and the manual page know it.
struct OptionRow {
  std::string name;         // "output"
  std::string letter;       // "o"; empty: none
  std::string placeholder;  // "DIR"; empty: it takes no value
  std::string doc;
  bool is_repeatable = false;
};

// How many arguments stand without an option's name.
struct Positionals {
  int least = 0;
  int most = 0;
};

// The options that were given. Names are the long ones, without dashes.
class GivenOptions {
 public:
  explicit GivenOptions(boost::program_options::variables_map values);
  [[nodiscard]] bool has(const std::string& name) const;
  [[nodiscard]] std::optional<std::string> text(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> texts(const std::string& name) const;
  // Throws WrongUsage unless it is a whole number from `least` to `most`.
  [[nodiscard]] std::optional<std::int64_t> number(const std::string& name, std::int64_t least,
                                                   std::int64_t most) const;
  [[nodiscard]] std::vector<std::string> positionals() const;

 private:
  boost::program_options::variables_map values_;
};

// The value of an enum that an option names. Throws WrongUsage with the names that there are.
template <class Enum>
[[nodiscard]] Enum named(const GivenOptions& given, const std::string& option, Enum otherwise) {
  const auto text = given.text(option);
  if (!text) {
    return otherwise;
  }
  const auto& names = EnumNames<Enum>::names;
  std::string all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == *text) {
      return static_cast<Enum>(i);
    }
    all += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  throw WrongUsage("--" + option + " is one of " + all + ", not '" + *text + "'");
}

enum class OutputFormat { table, csv, json };
template <>
struct EnumNames<OutputFormat> {
  static constexpr std::array<std::string_view, 3> names{"table", "csv", "json"};
};

class VerbOptions {
 public:
  explicit VerbOptions(VerbHelp help);

  // `names` is "output,o" for --output and -o.
  VerbOptions& flag(const char* names, const char* doc);
  VerbOptions& value(const char* names, const char* placeholder, const char* doc);
  VerbOptions& repeatable(const char* names, const char* placeholder, const char* doc);

  // Nothing when --help was asked for: it has been printed. Throws WrongUsage.
  [[nodiscard]] std::optional<GivenOptions> parse(std::span<const std::string> arguments,
                                                  Positionals positionals) const;
  [[nodiscard]] std::string help_text() const;
  [[nodiscard]] const VerbHelp& help() const { return help_; }
  [[nodiscard]] std::span<const OptionRow> rows() const { return rows_; }

 private:
  void add_row(const char* names, const char* placeholder, const char* doc, bool is_repeatable);

  VerbHelp help_;
  std::vector<OptionRow> rows_;
  boost::program_options::options_description options_;
};

}  // namespace tessera
