// tessera manual: the manual page, from the verbs' own option tables.

#include "sim/cli/options.hpp"
#include "sim/cli/overview.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/core/version.hpp"

namespace tessera {
namespace {

// Text as troff takes it: no line of it is a request, hyphens are what was typed.
std::string roff(const std::string& text) {
  std::string out;
  bool at_line_start = true;
  for (const char c : text) {
    if (at_line_start && (c == '.' || c == '\'')) {
      out += "\\&";
    }
    out += c == '\\' ? "\\e" : c == '-' ? "\\-" : std::string(1, c);
    at_line_start = c == '\n';
  }
  return out;
}

std::string verb_section(const Verb& verb) {
  const VerbOptions options = verb.options();
  std::string text =
      ".SS " + roff(options.help().synopsis) + "\n" + roff(options.help().about) + "\n";
  for (const OptionRow& option : options.rows()) {
    text += ".TP\n.B " +
            roff((option.letter.empty() ? "" : "-" + option.letter + ", ") + "--" + option.name) +
            (option.placeholder.empty() ? "" : " \\fI" + roff(option.placeholder) + "\\fR") + "\n" +
            roff(option.doc) + "\n";
  }
  return text + ".PP\nExamples:\n.PP\n.nf\n" + roff(options.help().examples) + ".fi\n";
}

constexpr const char* exit_statuses =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\ndone; rejected or cut requests are results\n"
    ".TP\n.B 2\na sweep or a search finished, but some points failed or nothing was found\n"
    ".TP\n.B 64\nwrong usage: an unknown verb, option or path\n"
    ".TP\n.B 65\na bad scenario or bad input data\n"
    ".TP\n.B 66\nan input file is missing or cannot be read\n"
    ".TP\n.B 70\nan internal error\n"
    ".TP\n.B 73\nthe output folder exists\n"
    ".TP\n.B 74\noutput could not be written\n";

std::string manual() {
  std::string text = ".TH TESSERA 1 \"\" \"tessera " + std::string(version()) + "\"\n";
  text += ".SH NAME\ntessera \\- simulate one LLM serving node\n";
  text += ".SH SYNOPSIS\n.B tessera\n.I verb\n[arguments]\n";
  text += ".SH DESCRIPTION\n" + roff(program_summary()) + "\n.SH VERBS\n";
  for (const Verb& verb : all_verbs()) {
    text += verb_section(verb);
  }
  text += exit_statuses;
  return text +
         ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nany value but the empty one switches colours "
         "off\n";
}

}  // namespace

VerbOptions manual_options() {
  return VerbOptions({
      .synopsis = "tessera manual",
      .about = "Prints the manual page. An installed tessera has it in its place: man tessera.",
      .examples = "  tessera manual | man -l -\n",
  });
}

int manual_verb(const Invocation& invocation) {
  if (!manual_options().parse(invocation.arguments, {0, 0})) {
    return ExitStatus::done;
  }
  print(manual());
  return ExitStatus::done;
}

}  // namespace tessera
