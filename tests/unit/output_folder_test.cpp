// A run's folder appears whole or not at all, and nothing but our own results is ever replaced.
#include "tessera/metrics/output_folder.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// What is in a folder, hidden entries too.
std::vector<std::string> entries_of(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

void make_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

template <class Error, class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no exception";
}

TEST(OutputFolder, AppearsOnCommit) {
  const TemporaryFolder room;
  const fs::path target = room.path() / "a";
  {
    OutputFolder folder(target, IfExists::refuse);
    folder.write("summary.csv", "x\n1\n");
    EXPECT_FALSE(fs::exists(target));
    folder.commit();
  }
  EXPECT_EQ(entries_of(room.path()), Names{"a"});
  EXPECT_EQ(text_of(target / "summary.csv"), "x\n1\n");
}

TEST(OutputFolder, LeavesNothingWithoutCommit) {
  const TemporaryFolder room;
  {
    const OutputFolder folder(room.path() / "deep/er/a", IfExists::refuse);
    folder.write("summary.csv", "x\n");
    EXPECT_EQ(entries_of(room.path()), Names{"deep"});
  }
  EXPECT_EQ(entries_of(room.path()), Names{});
}

TEST(OutputFolder, MakesParents) {
  const TemporaryFolder room;
  OutputFolder folder(room.path() / "deep/er/a/", IfExists::refuse);
  folder.commit();
  EXPECT_TRUE(fs::is_directory(room.path() / "deep/er/a"));
}

TEST(OutputFolder, RefusesWhatExists) {
  const TemporaryFolder room;
  make_file(room.path() / "a/summary.csv", "old");
  EXPECT_EQ(message_of<OutputExists>(
                [&] { const OutputFolder folder(room.path() / "a", IfExists::refuse); }),
            (room.path() / "a").string() + " exists; give --force to replace it");
  EXPECT_THROW(OutputFolder(room.path() / "a/", IfExists::refuse), OutputExists);
  EXPECT_EQ(text_of(room.path() / "a/summary.csv"), "old");
}

constexpr const char* old_manifest = R"({"tessera_version": "0.0.9"})";

TEST(OutputFolder, ReplacesOldResults) {
  const TemporaryFolder room;
  make_file(room.path() / "a/manifest.json", old_manifest);
  make_file(room.path() / "a/summary.csv", "old");
  make_file(room.path() / "a/runs/1/requests.csv", "old");
  OutputFolder folder(room.path() / "a", IfExists::replace);
  folder.write("summary.csv", "new");
  EXPECT_EQ(text_of(room.path() / "a/summary.csv"), "old");
  folder.commit();
  EXPECT_EQ(entries_of(room.path()), Names{"a"});
  EXPECT_EQ(entries_of(room.path() / "a"), Names{"summary.csv"});
  EXPECT_EQ(text_of(room.path() / "a/summary.csv"), "new");
}

TEST(OutputFolder, KeepsOldResultsWhenTheNewOnesFail) {
  const TemporaryFolder room;
  make_file(room.path() / "a/manifest.json", old_manifest);
  { const OutputFolder folder(room.path() / "a", IfExists::replace); }
  EXPECT_EQ(text_of(room.path() / "a/manifest.json"), old_manifest);
}

TEST(OutputFolder, ReplacesAnEmptyFolder) {
  const TemporaryFolder room;
  fs::create_directory(room.path() / "a");
  OutputFolder folder(room.path() / "a", IfExists::replace);
  folder.commit();
  EXPECT_EQ(entries_of(room.path()), Names{"a"});
}

TEST(OutputFolder, NeverReplacesSomethingElse) {
  const TemporaryFolder room;
  make_file(room.path() / "home/thesis.tex", "years");
  make_file(room.path() / "file", "text");
  EXPECT_NE(message_of<OutputExists>([&] {
              const OutputFolder folder(room.path() / "home", IfExists::replace);
            }).find("something else than results of Tessera"),
            std::string::npos);
  EXPECT_THROW(OutputFolder(room.path() / "file", IfExists::replace), OutputExists);
  // Names like ours are not enough, nor is our manifest beside somebody's work.
  make_file(room.path() / "named/summary.csv", "theirs");
  EXPECT_THROW(OutputFolder(room.path() / "named", IfExists::replace), OutputExists);
  make_file(room.path() / "mixed/manifest.json", old_manifest);
  make_file(room.path() / "mixed/thesis.tex", "years");
  EXPECT_THROW(OutputFolder(room.path() / "mixed", IfExists::replace), OutputExists);
  EXPECT_EQ(text_of(room.path() / "home/thesis.tex"), "years");
}

TEST(OutputFolder, RefusesWhatAppearedMeanwhile) {
  const TemporaryFolder room;
  OutputFolder first(room.path() / "a", IfExists::refuse);
  OutputFolder second(room.path() / "a", IfExists::refuse);
  first.write("summary.csv", "first");
  first.commit();
  EXPECT_THROW(second.commit(), OutputExists);
  EXPECT_EQ(text_of(room.path() / "a/summary.csv"), "first");
}

TEST(OutputFolder, ReplacesWhatALinkPointsTo) {
  const TemporaryFolder room;
  make_file(room.path() / "real/manifest.json", old_manifest);
  make_file(room.path() / "real/summary.csv", "old");
  fs::create_directory_symlink(room.path() / "real", room.path() / "link");
  OutputFolder folder(room.path() / "link", IfExists::replace);
  folder.write("summary.csv", "new");
  folder.commit();
  EXPECT_TRUE(fs::is_symlink(room.path() / "link"));
  EXPECT_EQ(text_of(room.path() / "real/summary.csv"), "new");
}

TEST(OutputFolder, SaysWhyItCannotBeMade) {
  const TemporaryFolder room;
  make_file(room.path() / "file", "text");
  EXPECT_NE(message_of<OutputFailed>([&] {
              const OutputFolder folder(room.path() / "file/a", IfExists::refuse);
            }).find("Not a directory"),
            std::string::npos);
}

TEST(OutputFolder, SaysThatItMayNotBeMade) {
  const TemporaryFolder room;
  fs::create_directory(room.path() / "closed");
  fs::permissions(room.path() / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  // Root may write everywhere, so root tries as nobody.
  const uid_t user = geteuid();
  constexpr uid_t nobody = 65534;
  if (user == 0) {
    ASSERT_EQ(seteuid(nobody), 0);
  }
  EXPECT_NE(message_of<OutputFailed>([&] {
              const OutputFolder folder(room.path() / "closed/a", IfExists::refuse);
            }).find("Permission denied"),
            std::string::npos);
  ASSERT_EQ(seteuid(user), 0);
  fs::permissions(room.path() / "closed", fs::perms::owner_all);
}

TEST(RowWriter, WritesAHeaderAndRows) {
  const TemporaryFolder room;
  RowWriter file(room.path() / "x.csv", "a,b");
  file.row() += "1,2";
  file.row_done();
  file.close();
  EXPECT_EQ(text_of(room.path() / "x.csv"), "a,b\n1,2\n");
}

TEST(RowWriter, WritesMoreThanItsBuffer) {
  const TemporaryFolder room;
  RowWriter file(room.path() / "x.csv", "a");
  std::string expected = "a\n";
  for (int i = 0; i < 300'000; ++i) {
    file.row() += std::to_string(i);
    file.row_done();
    expected += std::to_string(i) + "\n";
  }
  file.close();
  EXPECT_EQ(text_of(room.path() / "x.csv"), expected);
}

TEST(RowWriter, NamesTheFileThatCannotBeMade) {
  EXPECT_NE(message_of<OutputFailed>([] {
              const RowWriter file("/nowhere/x.csv", "a");
            }).find("/nowhere/x.csv: No such file or directory"),
            std::string::npos);
}

TEST(RowWriter, SaysWhenTheDiskIsFull) {
  RowWriter small("/dev/full", "a");
  EXPECT_EQ(message_of<OutputFailed>([&] { small.close(); }),
            "cannot write /dev/full: No space left on device");
  RowWriter large("/dev/full", "a");
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) {
          large.row().append(100'000, 'x');
          large.row_done();
        }
      },
      OutputFailed);
}

// A disk that fills up in the middle of a file, as a limit on the size of files does it.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;
  ~SizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(OutputFolder, LeavesNothingOnAFullDisk) {
  const TemporaryFolder room;
  std::string message;
  {
    OutputFolder folder(room.path() / "a", IfExists::refuse);
    const SizeLimit limit(4096);
    message =
        message_of<OutputFailed>([&] { folder.write("summary.json", std::string(10'000, 'x')); });
  }
  EXPECT_NE(message.find("summary.json: File too large"), std::string::npos) << message;
  EXPECT_EQ(entries_of(room.path()), Names{});
}

}  // namespace
}  // namespace tessera
