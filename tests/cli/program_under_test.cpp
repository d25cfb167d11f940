#include "tests/cli/program_under_test.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace tessera::test {
namespace {

void redirect(int descriptor, const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || dup2(file, descriptor) < 0) {
    _exit(126);
  }
}

}  // namespace

Finished Workplace::run(const std::vector<std::string>& arguments,
                        const Circumstances& circumstances) const {
  const std::string out = circumstances.stdout_path.empty() ? (captured_.path() / "out").string()
                                                            : circumstances.stdout_path;
  const std::string err = (captured_.path() / "err").string();
  std::vector<std::string> words{TESSERA_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);

  const pid_t child = fork();
  if (child == 0) {
    redirect(STDOUT_FILENO, out);
    redirect(STDERR_FILENO, err);
    if (chdir(path().c_str()) != 0) {
      _exit(126);
    }
    if (circumstances.file_size_limit > 0) {
      const rlimit limit{circumstances.file_size_limit, circumstances.file_size_limit};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    execv(argv.front(), argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  Finished finished;
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  finished.out = circumstances.stdout_path.empty() ? text_of(out) : "";
  finished.err = text_of(err);
  return finished;
}

void Workplace::write(const std::string& name, const std::string& text) const {
  std::ofstream(path() / name, std::ios::binary) << text;
}

std::string Workplace::read(const std::filesystem::path& name) const {
  EXPECT_TRUE(std::filesystem::exists(path() / name)) << name;
  return text_of(path() / name);
}

std::vector<std::string> Workplace::files_below(const std::filesystem::path& name) const {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path() / name)) {
    if (entry.is_regular_file()) {
      files.push_back(std::filesystem::relative(entry.path(), path() / name));
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string small_scenario() {
  return R"(name: small
seed: 3
hardware: {gpu: t4}
model: llama-7b
precision: {weights: int8}
engine:
  policy: {kind: vllm_v1, max_num_seqs: 8}
  kv_cache: {kind: paged}
  max_model_len: 2048
workload:
  arrivals: {kind: poisson, rate: 2 /s}
  prompt_tokens: {kind: uniform, min: 16, max: 200}
  output_tokens: {kind: uniform, min: 1, max: 60}
  requests: 40
)";
}

}  // namespace tessera::test
