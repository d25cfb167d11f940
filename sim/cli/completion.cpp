// tessera completion: scripts that let shells complete verbs, options and their values.

#include "sim/cli/completion.hpp"

#include <algorithm>
#include <array>

#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"
#include "tessera/config/values.hpp"

namespace tessera {
namespace {

// What may stand for a placeholder. files: any file. words: one of a few.
struct Values {
  enum class Kind { files, folders, scenarios, settings, words } kind = Kind::files;
  std::vector<std::string> words;
};

std::vector<std::string> names_of(const std::vector<Listing>& listings) {
  std::vector<std::string> names;
  for (const Listing& listing : listings) {
    names.push_back(listing.name);
  }
  return names;
}

// "table, csv or json (table)" has three words before its default.
std::vector<std::string> words_in(const std::string& doc) {
  std::vector<std::string> words(1);
  for (const char c : doc.substr(0, doc.find('('))) {
    if (c == ',' || c == ' ') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  std::erase_if(words, [](const std::string& word) { return word.empty() || word == "or"; });
  return words;
}

Values values_of(const OptionRow& option) {
  const std::string& placeholder = option.placeholder;
  if (placeholder == "DIR") {
    return {Values::Kind::folders, {}};
  }
  if (placeholder.starts_with("PATH=")) {
    return {Values::Kind::settings, {}};
  }
  if (placeholder == "GPU") {
    return {Values::Kind::words, names_of(list_gpus())};
  }
  if (placeholder == "MODEL") {
    return {Values::Kind::words, names_of(list_models())};
  }
  if (placeholder == "KIND") {
    return {Values::Kind::words,
            names_of(option.name == "policy" ? list_policies() : list_kv_managers())};
  }
  if (placeholder == "FORMAT" || placeholder == "WHAT") {
    return {Values::Kind::words, words_in(option.doc)};
  }
  return {};
}

// What may stand without an option's name: the first word of the synopsis after the verb.
Values positional_values(const VerbOptions& options) {
  const std::string& synopsis = options.help().synopsis;
  const std::size_t open = synopsis.find('[');
  const std::size_t close = synopsis.find(']');
  const std::string first =
      open == std::string::npos ? "" : synopsis.substr(open + 1, close - open - 1);
  if (synopsis.find("SCENARIO") != std::string::npos) {
    return {Values::Kind::scenarios, {}};
  }
  if (synopsis.find("DIR") != std::string::npos || synopsis.find(" A B") != std::string::npos) {
    return {Values::Kind::folders, {}};
  }
  if (first == "VERB") {
    Values verbs{Values::Kind::words, {}};
    for (const Verb& verb : all_verbs()) {
      verbs.words.emplace_back(verb.name);
    }
    return verbs;
  }
  if (first.find('|') != std::string::npos) {
    std::string words = first;
    std::replace(words.begin(), words.end(), '|', ' ');
    return {Values::Kind::words, words_in(words)};
  }
  return {};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

std::string settings_with_equals() {
  std::string text;
  for (const std::string& path : scenario_paths()) {
    text += (text.empty() ? "" : " ") + path + "=";
  }
  return text;
}

std::string bash_reply(const Values& values) {
  switch (values.kind) {
    case Values::Kind::files:
      return "COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Values::Kind::folders:
      return "COMPREPLY=($(compgen -d -- \"$cur\"))";
    case Values::Kind::scenarios:
      return "COMPREPLY=($(compgen -d -- \"$cur\") $(compgen -G \"$cur*.yaml\"))";
    case Values::Kind::settings:
      return "compopt -o nospace; COMPREPLY=($(compgen -W \"$_tessera_settings\" -- \"$cur\"))";
    case Values::Kind::words:
      return "COMPREPLY=($(compgen -W \"" + joined(values.words) + "\" -- \"$cur\"))";
  }
  return "";
}

// The names that an option goes by, as alternatives of a case.
std::string bash_names(const OptionRow& option) {
  return "--" + option.name + (option.letter.empty() ? "" : "|-" + option.letter);
}

std::string bash_verb(const Verb& verb) {
  const VerbOptions options = verb.options();
  std::string text = "    " + std::string(verb.name) + ")\n      case $prev in\n";
  std::string names;
  for (const OptionRow& option : options.rows()) {
    names += (names.empty() ? "" : " ") + std::string("--") + option.name;
    if (!option.placeholder.empty()) {
      text +=
          "        " + bash_names(option) + ") " + bash_reply(values_of(option)) + "; return ;;\n";
    }
  }
  text += "      esac\n      case $cur in\n        -*) COMPREPLY=($(compgen -W \"" + names +
          "\" -- \"$cur\")) ;;\n        *) " + bash_reply(positional_values(options)) +
          " ;;\n      esac\n      ;;\n";
  return text;
}

// Quoted for zsh's _arguments, whose own signs are brackets and colons.
std::string zsh_text(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') {
      quoted += '\\';
    }
    quoted += c;
  }
  return quoted;
}

std::string zsh_action(const Values& values) {
  switch (values.kind) {
    case Values::Kind::files:
      return "_files";
    case Values::Kind::folders:
      return "_files -/";
    case Values::Kind::scenarios:
      return "_files -g \"*.yaml\"";
    case Values::Kind::settings:
      return "compadd -S \"\" -- $_tessera_settings";
    case Values::Kind::words:
      return "(" + joined(values.words) + ")";
  }
  return "";
}

std::string zsh_option(const OptionRow& option) {
  const std::string doc = "[" + zsh_text(option.doc) + "]";
  const std::string value = option.placeholder.empty() ? ""
                                                       : ":" + zsh_text(option.placeholder) + ":" +
                                                             zsh_action(values_of(option));
  if (option.letter.empty()) {
    const std::string repeat = option.is_repeatable ? "*" : "";
    return "        '" + repeat + "--" + option.name + doc + value + "' \\\n";
  }
  const std::string both = "-" + option.letter + " --" + option.name;
  return "        '(" + both + ")'{-" + option.letter + ",--" + option.name + "}'" + doc + value +
         "' \\\n";
}

std::string zsh_verb(const Verb& verb) {
  const VerbOptions options = verb.options();
  std::string text = "    " + std::string(verb.name) + ")\n      _arguments \\\n";
  for (const OptionRow& option : options.rows()) {
    text += zsh_option(option);
  }
  return text + "        '*:argument:" + zsh_action(positional_values(options)) + "'\n      ;;\n";
}

}  // namespace

std::string bash_completion() {
  std::string text =
      "# Completion of tessera for bash; made by 'tessera completion bash'.\n"
      "_tessera_settings='" +
      settings_with_equals() +
      "'\n"
      "_tessera() {\n"
      "  local cur prev\n"
      "  if declare -F _get_comp_words_by_ref > /dev/null; then\n"
      "    _get_comp_words_by_ref -n =: cur prev\n"
      "  else\n"
      "    cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  fi\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"";
  for (const Verb& verb : all_verbs()) {
    text += std::string(verb.name) + " ";
  }
  text +=
      "--help --version\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n";
  for (const Verb& verb : all_verbs()) {
    text += bash_verb(verb);
  }
  return text + "  esac\n}\ncomplete -F _tessera tessera tessera-mpi\n";
}

std::string zsh_completion() {
  std::string text =
      "#compdef tessera tessera-mpi\n"
      "# Completion of tessera for zsh; made by 'tessera completion zsh'.\n"
      "_tessera() {\n"
      "  local -a _tessera_settings verbs\n"
      "  _tessera_settings=(" +
      settings_with_equals() + ")\n  verbs=(\n";
  for (const Verb& verb : all_verbs()) {
    text += "    '" + std::string(verb.name) + ":" + zsh_text(std::string(verb.summary)) + "'\n";
  }
  text +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  shift words; (( CURRENT-- ))\n"
      "  case $verb in\n";
  for (const Verb& verb : all_verbs()) {
    text += zsh_verb(verb);
  }
  return text + "  esac\n}\n_tessera \"$@\"\n";
}

VerbOptions completion_options() {
  return VerbOptions({
      .synopsis = "tessera completion [bash|zsh]",
      .about = "Prints a script that lets the shell complete verbs, options, presets and the paths "
               "of scenarios.\nAn installed tessera has them in their places already.",
      .examples = "  source <(tessera completion bash)\n"
                  "  tessera completion zsh > ~/.zfunc/_tessera\n",
  });
}

int completion_verb(const Invocation& invocation) {
  const auto given = completion_options().parse(invocation.arguments, {1, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const std::string shell = given->positionals().front();
  if (shell != "bash" && shell != "zsh") {
    throw WrongUsage("there is completion for bash and for zsh, not for '" + shell + "'");
  }
  print(shell == "bash" ? bash_completion() : zsh_completion());
  return ExitStatus::done;
}

}  // namespace tessera
