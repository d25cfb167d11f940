#include "sim/cli/options.hpp"

#include <algorithm>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <charconv>
#include <sstream>

#include "sim/cli/text.hpp"
#include "tessera/config/load.hpp"
#include "tessera/core/closest.hpp"

namespace tessera {
namespace {

namespace po = boost::program_options;

constexpr const char* positional_name = "arguments";
constexpr unsigned help_width = 100;

std::string unknown_option_message(const std::string& given, const po::options_description& known) {
  std::vector<std::string> names;
  for (const auto& option : known.options()) {
    names.push_back("--" + option->long_name());
  }
  std::string message = "unknown option '" + given + "'";
  if (const auto meant = closest(given, names)) {
    message += "; did you mean '" + *meant + "'?";
  }
  return message;
}

}  // namespace

GivenOptions::GivenOptions(po::variables_map values) : values_(std::move(values)) {}

bool GivenOptions::has(const std::string& name) const {
  return values_.count(name) > 0;
}

std::optional<std::string> GivenOptions::text(const std::string& name) const {
  if (!has(name)) {
    return std::nullopt;
  }
  return values_[name].as<std::string>();
}

std::vector<std::string> GivenOptions::texts(const std::string& name) const {
  if (!has(name)) {
    return {};
  }
  return values_[name].as<std::vector<std::string>>();
}

std::optional<std::int64_t> GivenOptions::number(const std::string& name, std::int64_t least,
                                                 std::int64_t most) const {
  const std::optional<std::string> given = text(name);
  if (!given) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  const char* const end = given->data() + given->size();
  const auto [parsed_to, failed] = std::from_chars(given->data(), end, value);
  if (failed != std::errc{} || parsed_to != end || value < least || value > most) {
    throw WrongUsage("--" + name + " needs a whole number from " + std::to_string(least) + " to " +
                     std::to_string(most) + ", not '" + *given + "'");
  }
  return value;
}

std::vector<std::string> GivenOptions::positionals() const {
  return texts(positional_name);
}

VerbOptions::VerbOptions(VerbHelp help)
    : help_(std::move(help)), options_("Options", help_width, help_width / 2) {
  flag("help,h", "print this help");
}

void VerbOptions::add_row(const char* names, const char* placeholder, const char* doc,
                          bool is_repeatable) {
  const std::string both = names;
  const std::size_t comma = both.find(',');
  const std::string letter = comma == std::string::npos ? "" : both.substr(comma + 1);
  rows_.push_back({both.substr(0, comma), letter, placeholder, doc, is_repeatable});
}

VerbOptions& VerbOptions::flag(const char* names, const char* doc) {
  add_row(names, "", doc, false);
  options_.add_options()(names, doc);
  return *this;
}

VerbOptions& VerbOptions::value(const char* names, const char* placeholder, const char* doc) {
  add_row(names, placeholder, doc, false);
  options_.add_options()(names, po::value<std::string>()->value_name(placeholder), doc);
  return *this;
}

VerbOptions& VerbOptions::repeatable(const char* names, const char* placeholder, const char* doc) {
  add_row(names, placeholder, doc, true);
  options_.add_options()(
      names, po::value<std::vector<std::string>>()->composing()->value_name(placeholder), doc);
  return *this;
}

std::optional<GivenOptions> VerbOptions::parse(std::span<const std::string> arguments,
                                               Positionals positionals) const {
  po::options_description all;
  all.add(options_);
  all.add_options()(positional_name, po::value<std::vector<std::string>>());
  po::positional_options_description unnamed;
  unnamed.add(positional_name, -1);

  po::variables_map values;
  try {
    // Guessing would make today's abbreviation a different option tomorrow.
    constexpr int style =
        po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser({arguments.begin(), arguments.end()})
                  .options(all)
                  .positional(unnamed)
                  .style(style)
                  .run(),
              values);
  } catch (const po::unknown_option& unknown) {
    throw WrongUsage(unknown_option_message(unknown.get_option_name(), options_));
  } catch (const po::error& wrong) {
    throw WrongUsage(wrong.what());
  }
  if (values.count("help") > 0) {
    print(help_text());
    return std::nullopt;
  }
  GivenOptions given(std::move(values));
  const std::vector<std::string> rest = given.positionals();
  const int count = static_cast<int>(rest.size());
  if (count < positionals.least) {
    throw WrongUsage("an argument is missing; usage: " + help_.synopsis);
  }
  if (count > positionals.most) {
    throw WrongUsage("unexpected argument '" + rest[static_cast<std::size_t>(positionals.most)] +
                     "'; usage: " + help_.synopsis);
  }
  return given;
}

std::string VerbOptions::help_text() const {
  std::ostringstream text;
  text << "Usage: " << help_.synopsis << "\n\n" << help_.about << "\n\n" << options_;
  text << "\nExamples:\n" << help_.examples;
  return text.str();
}

}  // namespace tessera
