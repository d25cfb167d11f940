// Replaying an allocation trace: what comes out, and what is said of a trace that cannot be read.
#include "tessera/memory/replay.hpp"

#include <gtest/gtest.h>

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view header_line =
    "op,id,size,addr,ok,requested,allocated,active,reserved,inactive_split,segments,retries\n";

std::string rows_of(const std::string& trace, const std::string& allocator = "cuda_caching",
                    ReplaySummary* summary = nullptr) {
  std::istringstream in(trace);
  std::ostringstream out;
  const auto replayed =
      replay_trace(in, "t.csv", *make_device_allocator(parse_allocator(allocator)), out);
  if (summary != nullptr) {
    *summary = replayed;
  }
  std::string rows = out.str();
  EXPECT_TRUE(rows.starts_with(header_line));
  return rows.substr(header_line.size());
}

std::string complaint_about(const std::string& trace) {
  try {
    rows_of(trace);
  } catch (const BadInput& problem) {
    return problem.what();
  }
  return "read";
}

TEST(Replay, WritesTheCountersAfterEveryOperation) {
  ReplaySummary summary;
  EXPECT_EQ(rows_of("op,id,size,addr\n"
                    "alloc,0,1000,1073741824\n"
                    "alloc,1,3000000,\n"
                    "free,0,0,\n",
                    "cuda_caching,limit=22MiB", &summary)
                .substr(0, 76),
            "alloc,0,1000,1073741824,1,1000,1024,1024,2097152,2096128,1,0\n"
            "alloc,1,3000000");
  EXPECT_EQ(summary.operations, 3);
  EXPECT_EQ(summary.allocations, 2);
  EXPECT_EQ(summary.refused, 0);
  EXPECT_EQ(summary.peak_reserved, Bytes{22 << 20});
  EXPECT_EQ(summary.last.allocated, Bytes{3'000'320});
}

TEST(Replay, MarksWhatRanOutOfMemoryAndItsFrees) {
  EXPECT_EQ(rows_of("op,id,size\nalloc,7,1\nfree,7,\nfree,7,5\nalloc,7,0\nfree,7,0\n",
                    "cuda_caching,limit=1MiB"),
            "alloc,7,1,,0,0,0,0,0,0,0,1\n"
            "free,7,0,,0,0,0,0,0,0,0,1\n"
            "free,7,5,,0,0,0,0,0,0,0,1\n"
            "alloc,7,0,0,1,0,0,0,0,0,0,1\n"
            "free,7,0,,1,0,0,0,0,0,0,1\n");
}

TEST(Replay, ReadsColumnsInAnyOrderAndIgnoresOthers) {
  EXPECT_EQ(rows_of("\xEF\xBB\xBFnote,size,op,extra,id\n"
                    "x,512,alloc,,-3\n"
                    "\n"
                    ",,free,y,-3"),
            rows_of("op,id,size\nalloc,-3,512\nfree,-3,0\n"));
}

TEST(Replay, EndsLinesAsTheTraceDoes) {
  std::istringstream in("op,id,size\r\nalloc,0,512\r\n");
  std::ostringstream out;
  replay_trace(in, "t", *make_device_allocator(parse_allocator("vmm")), out);
  EXPECT_EQ(out.str(), std::string(header_line.substr(0, header_line.size() - 1)) +
                           "\r\nalloc,0,512,12918456320,1,512,2097152,2097152,2097152,0,1,0\r\n");
}

TEST(Replay, WritesTheHeaderForATraceWithoutOperations) {
  EXPECT_EQ(rows_of("op,id,size"), "");
}

TEST(Replay, TakesIdsOfAnySize) {
  const std::string rows = rows_of(
      "op,id,size\nalloc,9223372036854775807,1\nalloc,-9223372036854775808,1\n"
      "alloc,5000000,1\nalloc,3,1\nfree,5000000,0\nfree,3,0\n"
      "free,9223372036854775807,0\nfree,-9223372036854775808,0\n");
  EXPECT_NE(rows.find("free,-9223372036854775808,0,,1,0,0,0,2097152,0,1,0\n"), std::string::npos);
}

TEST(Replay, SaysWhereATraceIsWrong) {
  EXPECT_EQ(complaint_about(""),
            "t.csv: error: the trace is empty; it needs a header op,id,size[,addr]");
  EXPECT_EQ(complaint_about("op,size\n"),
            "t.csv:1: error: the header has no column 'id'; a trace needs op,id,size[,addr]");
  EXPECT_EQ(complaint_about("op,id,size,op\n"), "t.csv:1:12: error: column 'op' appears twice");
  EXPECT_EQ(complaint_about("op,id,size\nallc,0,1\n"),
            "t.csv:2:1: error: op 'allc' is neither alloc nor free; did you mean 'alloc'?");
  EXPECT_EQ(complaint_about("op,id,size\nmove,0,1\n"),
            "t.csv:2:1: error: op 'move' is neither alloc nor free");
  EXPECT_EQ(complaint_about("op,id,size\n\nalloc,x,1\n"),
            "t.csv:3:7: error: id 'x' is not a whole number below 2^63");
  EXPECT_EQ(complaint_about("op,id,size\nalloc,0,1.5\n"),
            "t.csv:2:9: error: size '1.5' is not a whole number of bytes from 0 to 2^63 - 1");
  EXPECT_EQ(complaint_about("op,id,size\nalloc,0,-1\n"),
            "t.csv:2:9: error: size '-1' is not a whole number of bytes from 0 to 2^63 - 1");
  EXPECT_EQ(complaint_about("op,id,size\nalloc,0,\n"), "t.csv:2: error: an allocation has no size");
  EXPECT_EQ(complaint_about("op,id,size,addr\nalloc,0,1,0x10\n"),
            "t.csv:2:11: error: addr '0x10' is not a whole number from 0 to 2^64 - 1");
  EXPECT_EQ(complaint_about("op,id,size\nalloc,0\n"),
            "t.csv:2: error: the row has 2 of at least 3 columns");
  EXPECT_EQ(complaint_about("op,id,size\nalloc,0,1\nalloc,0,1\n"),
            "t.csv:3: error: id 0 is allocated while it is live");
  EXPECT_EQ(complaint_about("op,id,size\nfree,4,0\n"),
            "t.csv:2: error: id 4 is freed and was never allocated");
  EXPECT_EQ(complaint_about("op,id,size\nalloc,4,1\nfree,4,0\nfree,4,0\n"),
            "t.csv:4: error: id 4 is freed twice");
  EXPECT_EQ(complaint_about("op,id,size\nalloc,0," + std::string(2'000'000, '1')),
            "t.csv:2: error: the line is longer than 1048576 characters");
}

TEST(Replay, ReadsLinesThatStraddleItsBuffer) {
  std::string trace = "op,id,size,note\n";
  std::string expected;
  for (int i = 0; i < 30'000; ++i) {
    trace += "alloc," + std::to_string(i) + ",512," +
             std::string(static_cast<std::size_t>(i % 37), 'n') + "\n";
  }
  ReplaySummary summary;
  rows_of(trace, "cuda_caching", &summary);
  EXPECT_EQ(summary.allocations, 30'000);
  EXPECT_EQ(summary.last.allocated, Bytes{30'000 * 512});
}

class ReplayFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ("replay_test." +
               std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string replayed(const fs::path& file) {
    std::ostringstream out;
    replay_file(file, *make_device_allocator(parse_allocator("vmm")), out);
    return out.str();
  }

  fs::path folder_;
};

constexpr std::string_view small_trace = "op,id,size\nalloc,0,512\nfree,0,0\n";

template <class Compressor>
void write_compressed(const fs::path& path, const Compressor& compressor) {
  std::ofstream file(path, std::ios::binary);
  boost::iostreams::filtering_ostream out;
  out.push(compressor);
  out.push(file);
  out << small_trace;
}

TEST_F(ReplayFile, DecompressesByTheNamesEnd) {
  namespace io = boost::iostreams;
  std::ofstream(folder_ / "t.csv", std::ios::binary) << small_trace;
  write_compressed(folder_ / "t.csv.gz", io::gzip_compressor());
  write_compressed(folder_ / "t.csv.xz", io::lzma_compressor());
  const std::string plain = replayed(folder_ / "t.csv");
  EXPECT_NE(plain.find("free,0"), std::string::npos);
  EXPECT_EQ(replayed(folder_ / "t.csv.gz"), plain);
  EXPECT_EQ(replayed(folder_ / "t.csv.xz"), plain);
}

TEST_F(ReplayFile, SaysWhatCannotBeRead) {
  EXPECT_THROW(replayed(folder_ / "missing.csv"), UnreadableFile);
  EXPECT_THROW(replayed(folder_), UnreadableFile);
  for (const std::string name : {"not.gz", "not.xz"}) {
    std::ofstream(folder_ / name, std::ios::binary) << small_trace;
    try {
      replayed(folder_ / name);
      ADD_FAILURE() << name;
    } catch (const UnreadableFile&) {
      ADD_FAILURE() << name << " is readable, but not what its name says";
    } catch (const BadInput& problem) {
      EXPECT_NE(std::string(problem.what()).find("the file is not what"), std::string::npos);
    }
  }
}

TEST_F(ReplayFile, NoticesACompressedFileThatEndsEarly) {
  namespace io = boost::iostreams;
  std::string trace = "op,id,size\n";
  for (int i = 0; i < 20'000; ++i) {
    trace += "alloc," + std::to_string(i) + "," + std::to_string(i * 7919 % 100'003) + "\n";
  }
  for (const std::string name : {"t.gz", "t.xz"}) {
    std::ostringstream whole;
    {
      io::filtering_ostream out;
      if (name == "t.gz") {
        out.push(io::gzip_compressor());
      } else {
        out.push(io::lzma_compressor());
      }
      out.push(whole);
      out << trace;
    }
    const std::string bytes = whole.str();
    std::ofstream(folder_ / name, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
    EXPECT_THROW(replayed(folder_ / name), BadInput) << name;
  }
}

}  // namespace
}  // namespace tessera
