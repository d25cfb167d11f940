// tessera replay as a user calls it: rows on the standard output, the rest on the standard error.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::HasSubstr;

TEST(CliReplay, WritesTheCountersAfterEveryOperation) {
  const Workplace place;
  place.write("trace.csv", "op,id,size\nalloc,0,3000000\nalloc,1,1\nfree,0,\nfree,1,\n");
  const Finished replayed =
      place.run({"replay", "trace.csv", "--allocator", "cuda_caching,limit=20MiB"});
  EXPECT_EQ(replayed.status, 0);
  EXPECT_EQ(replayed.out,
            "op,id,size,addr,ok,requested,allocated,active,reserved,inactive_split,segments,"
            "retries\n"
            "alloc,0,3000000,139637943173120,1,3000000,3000320,3000320,20971520,17971200,1,0\n"
            "alloc,1,1,,0,3000000,3000320,3000320,20971520,17971200,1,1\n"
            "free,0,0,,1,0,0,0,20971520,0,1,1\n"
            "free,1,0,,0,0,0,0,20971520,0,1,1\n");
  EXPECT_EQ(replayed.err,
            "tessera: 4 operations, 1 out of memory; at most 2.86 MiB allocated and 20.00 MiB "
            "reserved\n");
  EXPECT_EQ(place.run({"replay", "trace.csv", "-q"}).err, "");
}

TEST(CliReplay, WritesToFilesThatItCanReplayAgain) {
  const Workplace place;
  place.write("trace.csv", "op,id,size\nalloc,0,3000000\nfree,0,\n");
  place.write("rows.csv", place.run({"replay", "trace.csv"}).out);
  EXPECT_EQ(place.run({"replay", "rows.csv"}).out, place.read("rows.csv"));
}

TEST(CliReplay, SaysWhichArgumentIsWrong) {
  const Workplace place;
  place.write("trace.csv", "op,id,size\nalloc,0,x\n");
  EXPECT_EQ(place.run({"replay"}).status, 64);
  const Finished allocator = place.run({"replay", "trace.csv", "--allocator", "cuda_cacing"});
  EXPECT_EQ(allocator.status, 64);
  EXPECT_THAT(allocator.err, HasSubstr("did you mean 'cuda_caching'?"));
  const Finished bad = place.run({"replay", "trace.csv"});
  EXPECT_EQ(bad.status, 65);
  EXPECT_THAT(bad.err, HasSubstr("trace.csv:2:9: error: size 'x' is not"));
  EXPECT_EQ(place.run({"replay", "missing.csv"}).status, 66);
  EXPECT_EQ(place.run({"replay", "."}).status, 66);
}

TEST(CliReplay, NoticesAFullDisk) {
  const Workplace place;
  place.write("trace.csv", "op,id,size\nalloc,0,1\n");
  EXPECT_EQ(place.run({"replay", "trace.csv"}, {.stdout_path = "/dev/full"}).status, 74);
}

TEST(CliReplay, ListNamesTheAllocatorsAndTheirOptions) {
  const Finished listed = Workplace().run({"list", "allocators"});
  EXPECT_EQ(listed.status, 0);
  for (const char* word : {"cuda_caching", "expandable_segments", "buddy", "best_fit", "first_fit",
                           "vmm", "page_size"}) {
    EXPECT_THAT(listed.out, HasSubstr(word));
  }
}

}  // namespace
}  // namespace tessera::test
