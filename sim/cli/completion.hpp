// Completion for shells, from the verbs' own option tables.
#pragma once

#include <string>

namespace tessera {

// A script for bash-completion, to be sourced or installed as completions/tessera.
[[nodiscard]] std::string bash_completion();
// A function for zsh, to be installed as _tessera on its fpath.
[[nodiscard]] std::string zsh_completion();

}  // namespace tessera
