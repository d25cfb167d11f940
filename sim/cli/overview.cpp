#include "sim/cli/overview.hpp"

#include "tessera/config/load.hpp"
#include "tessera/core/closest.hpp"

namespace tessera {

std::string program_summary() {
  return "tessera simulates one LLM serving node: its batches, its time, every byte of its memory.";
}

std::string overview() {
  std::string text = program_summary() + "\n\nUsage: tessera VERB [arguments]\n\nVerbs:\n";
  for (const Verb& verb : all_verbs()) {
    std::string line = "  " + std::string(verb.name);
    line.resize(14, ' ');
    text += line + std::string(verb.summary) + "\n";
  }
  return text +
         "\nExamples:\n"
         "  tessera run --gpu t4 --model opt-2.7b --rate 2\n"
         "  tessera sweep scenarios/t4_llama7b_int8.yaml --vary "
         "engine.policy.max_num_seqs=1..64*2\n"
         "  tessera capacity scenarios/t4_llama7b_int8.yaml -o out/c\n"
         "\n'tessera help VERB' explains a verb; 'tessera --version' says which build this is.\n";
}

const Verb& find_verb(const std::string& name) {
  std::vector<std::string> names;
  for (const Verb& verb : all_verbs()) {
    if (verb.name == name) {
      return verb;
    }
    names.emplace_back(verb.name);
  }
  if (name.starts_with('-')) {
    names = {"--help", "--version"};
  }
  std::string message =
      "unknown " + std::string(name.starts_with('-') ? "option" : "verb") + " '" + name + "'";
  if (const auto meant = closest(name, names)) {
    message += "; did you mean '" + *meant + "'?";
  } else {
    message += "; 'tessera --help' lists what there is";
  }
  throw WrongUsage(message);
}

}  // namespace tessera
