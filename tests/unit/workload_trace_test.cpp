// Traces in their four formats: what is read exactly, what is left out and counted, what is
// refused.
#include <gtest/gtest.h>

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filter/zstd.hpp>
#include <boost/iostreams/filtering_stream.hpp>

#include "tests/unit/workload_builders.hpp"

namespace tessera {
namespace {

using workload_test::complaint_about;
using workload_test::drain;
using workload_test::make_source;
using workload_test::requests_of;
using workload_test::shown;
using workload_test::TemporaryFolder;
using workload_test::trace_of;

const std::string vidur_header = "arrived_at,num_prefill_tokens,num_decode_tokens\n";
const std::string known =
    "known traces are vidur (arrived_at, num_prefill_tokens, num_decode_tokens), azure (TIMESTAMP, "
    "ContextTokens, GeneratedTokens), burstgpt (Timestamp, Request tokens, Response tokens), "
    "mooncake "
    "(JSON lines with timestamp, input_length, output_length)";

TEST(TraceFormats, Vidur) {
  EXPECT_EQ(shown(trace_of(vidur_header + "0.5,100,10\n0.75,200,20\n8.5e1,1,2\n")),
            "0:100:10 250000000000:200:20 84500000000000:1:2 ");
}

TEST(TraceFormats, MaxTokensIsTheLimitOfTheOutputWhereItIsRecorded) {
  const Trace trace = trace_of(
      "arrived_at,num_prefill_tokens,num_decode_tokens,max_tokens\n0,100,10,512\n1,100,10,\n");
  EXPECT_EQ(trace.rows[0].max_output, 512U);
  EXPECT_EQ(trace.rows[1].max_output, 0U) << "it has none";
  EXPECT_EQ(
      complaint_about("arrived_at,num_prefill_tokens,num_decode_tokens,max_tokens\n0,100,10,0\n"),
      "t.csv:2: error: column 'max_tokens' must be a whole number of tokens, 1 to "
      "1000000000, or nothing, not '0'");
  const Trace lines = trace_of(
      "{\"timestamp\": 0, \"input_length\": 9, \"output_length\": 3, \"max_tokens\": 64}\n");
  EXPECT_EQ(lines.rows[0].max_output, 64U);
}

TEST(TraceFormats, ColumnsAreFoundByNameInAnyOrderAmongOthers) {
  EXPECT_EQ(shown(trace_of("request_id,num_decode_tokens,pd_ratio,arrived_at,num_prefill_tokens\n"
                           "0,10,0.5,1,100\n1,20,0.5,3,200\n")),
            "0:100:10 2000000000000:200:20 ");
}

TEST(TraceFormats, Azure2023And2024) {
  EXPECT_EQ(shown(trace_of("TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                           "2023-11-30 23:59:59.6805900,374,44\r\n"
                           "2023-12-01 00:00:00.6805901,396,109\r\n")),
            "0:374:44 1000000100000:396:109 ");
  EXPECT_EQ(shown(trace_of("TIMESTAMP,ContextTokens,GeneratedTokens\n"
                           "2024-05-10 00:00:00.009930+00:00,2162,5\n"
                           "2024-05-10 00:00:00.017335+00:00,2399,6\n")),
            "0:2162:5 7405000000:2399:6 ");
}

TEST(TraceFormats, BurstGptWithAndWithoutSessions) {
  EXPECT_EQ(shown(trace_of("Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,"
                           "Total tokens,Log Type\n"
                           "5,1,0.3,ChatGPT,472,18,490,Conversation log\n"
                           "45,1,0.3,\"GPT-4, new\",1087,230,1317,\"API \"\"log\"\"\"\n")),
            "0:472:18 40000000000000:1087:230 ");
  EXPECT_EQ(shown(trace_of("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                           "5.0,ChatGPT,472,18,490,Conversation log\n")),
            "0:472:18 ");
}

TEST(TraceFormats, MooncakeWithItsContent) {
  const std::string text =
      "{\"timestamp\": 0, \"input_length\": 1025, \"output_length\": 5, \"hash_ids\": [0, 1, 2]}\n"
      "{\"timestamp\": 3000, \"input_length\": 7, \"output_length\": 4}\n"
      "{\"output_length\":1,\"x\":{\"y\":[1,{\"z\":\"}\\\"\"}],\"n\":null},\"hash_ids\":["
      "18446744073709551615],"
      "\"input_length\":2,\"timestamp\":3000.5}\n";
  const Trace trace = trace_of(text);
  EXPECT_EQ(shown(trace), "0:1025:5 3000000000000:7:4 3000500000000:2:1 ");
  const auto first = trace.pieces_of(trace.rows[0]);
  EXPECT_EQ(std::vector<std::uint64_t>(first.begin(), first.end()),
            (std::vector<std::uint64_t>{0, 1, 2}));
  EXPECT_TRUE(trace.pieces_of(trace.rows[1]).empty());
  EXPECT_EQ(trace.pieces_of(trace.rows[2])[0], 18446744073709551615U);
}

TEST(TraceFormats, AByteOrderMarkBlankLinesAndAMissingLastLineEndDoNotMatter) {
  EXPECT_EQ(shown(trace_of("\xEF\xBB\xBF\n" + vidur_header + "\n1, 2 ,\"3\"\r\n \n2,3,4")),
            "0:2:3 1000000000000:3:4 ");
}

TEST(TraceFormats, ARowAcrossPiecesOfTheFileIsOneRow) {
  std::string text = vidur_header;
  std::string expected;
  for (int i = 0; i < 100'000; ++i) {
    text += std::to_string(i) + "," + std::to_string(i % 999 + 1) + ",7\n";
  }
  const Trace trace = trace_of(text);
  ASSERT_EQ(trace.rows.size(), 100'000U);
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    ASSERT_EQ(trace.rows[i].arrival, Duration::seconds(static_cast<Int128>(i)));
    ASSERT_EQ(trace.rows[i].prompt, i % 999 + 1);
  }
}

TEST(TraceFormats, ALineMayBeLongButNotEndless) {
  const std::string ids(600'000, '1');
  std::string line =
      "{\"timestamp\":1,\"input_length\":2,\"output_length\":3,\"note\":\"" + ids + "\"}\n";
  EXPECT_EQ(shown(trace_of(line + line)), "0:2:3 0:2:3 ");
  EXPECT_EQ(complaint_about(vidur_header + std::string(17U << 20U, 'x')),
            "t.csv:2: error: the line is longer than 16 MiB: this is not a trace");
}

TEST(Trace, UnsortedRowsAreSortedStablyAndSaidSo) {
  Diagnostics notes;
  const Trace trace = trace_of(vidur_header + "3,1,1\n1,2,2\n3,3,3\n1,4,4\n", {}, notes);
  EXPECT_EQ(shown(trace), "0:2:2 0:4:4 2000000000000:1:1 2000000000000:3:3 ");
  EXPECT_EQ(trace.reordered, 2);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(to_string(notes[0]),
            "t.csv: note: 2 of 4 rows arrive before the row above them; sorted by time");
}

TEST(Trace, TheScaleStretchesExactly) {
  TraceArrivals spec;
  spec.rate_scale = 0.05;
  EXPECT_EQ(shown(trace_of(vidur_header + "10,1,1\n10.000000000001,1,1\n11,1,1\n", spec)),
            "0:1:1 20:1:1 20000000000000:1:1 ");
  spec.rate_scale = 3.0;
  EXPECT_EQ(shown(trace_of(vidur_header + "0,1,1\n1,1,1\n2,1,1\n", spec)),
            "0:1:1 333333333333:1:1 666666666667:1:1 ");
  spec.rate_scale = 1e-6;
  EXPECT_EQ(trace_of(vidur_header + "0,1,1\n1e13,1,1\n", spec).rows[1].arrival,
            Duration::seconds(static_cast<Int128>(10'000'000'000'000) * 1'000'000));
}

TEST(Trace, FiltersSkipAndLimitAreAppliedInThatOrder) {
  const std::string text = vidur_header + "0,1,1\n1,5,5\n2,50,5\n3,5,50\n4,20,20\n5,6,6\n6,7,7\n";
  TraceArrivals spec;
  spec.skip = 1;
  spec.min_prompt = Tokens{2};
  spec.max_prompt = Tokens{40};
  spec.max_output = Tokens{40};
  spec.max_total = Tokens{39};
  const Trace trace = trace_of(text, spec);
  EXPECT_EQ(shown(trace), "0:5:5 4000000000000:6:6 5000000000000:7:7 ");
  EXPECT_EQ(trace.filtered, 3);
  spec.limit = 2;
  EXPECT_EQ(shown(trace_of(text, spec)), "0:5:5 4000000000000:6:6 ");
}

TEST(Trace, FailedRequestsAreLeftOutAndSaidSo) {
  Diagnostics notes;
  const Trace trace = trace_of(vidur_header + "1,5,0\n2,5,5\n3,0,4\n4,0,0\n", {}, notes);
  EXPECT_EQ(shown(trace), "0:5:5 ");
  EXPECT_EQ(trace.filtered, 3);
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(to_string(notes[0]), "t.csv: note: 2 rows with no prompt tokens left out");
  EXPECT_EQ(to_string(notes[1]), "t.csv: note: 1 rows with no response tokens left out");
}

TEST(BadTrace, EmptyOrWithoutRows) {
  EXPECT_EQ(complaint_about(""), "t.csv:1: error: the trace is empty; " + known);
  EXPECT_EQ(complaint_about("\n \r\n"), "t.csv:1: error: the trace is empty; " + known);
  EXPECT_EQ(complaint_about(vidur_header), "t.csv:1: error: the trace has a header, but no rows");
  EXPECT_EQ(complaint_about("\xEF\xBB\xBF"), "t.csv:1: error: the trace is empty; " + known);
}

TEST(BadTrace, WithAnotherHeader) {
  EXPECT_EQ(complaint_about("time,tokens\n1,2\n"),
            "t.csv:1: error: this is not a trace's header: 'time,tokens'; " + known);
  EXPECT_EQ(
      complaint_about("arrived_at,arrived_at,num_prefill_tokens,num_decode_tokens\n1,1,1,1\n"),
      "t.csv:1: error: there are several columns 'arrived_at'");
  TraceArrivals spec;
  spec.format = TraceFormat::azure;
  EXPECT_EQ(complaint_about("TIMESTAMP,ContextTokens\n", spec),
            "t.csv:1: error: column 'GeneratedTokens' is missing; azure needs TIMESTAMP, "
            "ContextTokens, GeneratedTokens");
}

TEST(BadTrace, WithTextOrNonsenseWhereANumberBelongs) {
  const std::string tokens = "must be a whole number of tokens, 0 to 1000000000, not ";
  EXPECT_EQ(complaint_about(vidur_header + "1,2,3\n2,many,3\n"),
            "t.csv:3: error: column 'num_prefill_tokens' " + tokens + "'many'");
  EXPECT_EQ(complaint_about(vidur_header + "1,2,-3\n"),
            "t.csv:2: error: column 'num_decode_tokens' " + tokens + "'-3'");
  EXPECT_EQ(complaint_about(vidur_header + "1,2,3\n\n1,2.5,3\n"),
            "t.csv:4: error: column 'num_prefill_tokens' " + tokens + "'2.5'");
  EXPECT_EQ(complaint_about(vidur_header + "1,,3\n"),
            "t.csv:2: error: column 'num_prefill_tokens' " + tokens + "''");
  EXPECT_EQ(
      complaint_about(vidur_header + "soon,2,3\n"),
      "t.csv:2: error: column 'arrived_at' must be seconds from 0 on, such as 12.5, not 'soon'");
  EXPECT_EQ(
      complaint_about(vidur_header + "-1,2,3\n"),
      "t.csv:2: error: column 'arrived_at' must be seconds from 0 on, such as 12.5, not '-1'");
  EXPECT_EQ(
      complaint_about("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-29 00:00:00,1,1\n"),
      "t.csv:2: error: column 'TIMESTAMP' must be a time such as 2023-11-16 18:15:46.6805900, "
      "not '2023-02-29 00:00:00'");
}

TEST(BadTrace, CutOffOrRagged) {
  EXPECT_EQ(complaint_about(vidur_header + "1,2,3\n2,3"),
            "t.csv:3: error: the row has 2 fields, but the header has 3");
  EXPECT_EQ(complaint_about(vidur_header + "1"),
            "t.csv:2: error: the row has 1 field, but the header has 3");
  EXPECT_EQ(complaint_about(vidur_header + "1,2,3,4\n"),
            "t.csv:2: error: the row has 4 fields, but the header has 3");
  EXPECT_EQ(complaint_about(vidur_header + "1,2,\"3\n"),
            "t.csv:2: error: a quoted field does not end on its line");
  EXPECT_EQ(complaint_about(vidur_header + "1,2,\"3\"4\n"),
            "t.csv:2: error: column 'num_decode_tokens' must be a whole number of tokens, 0 to "
            "1000000000, not '\"3\"4'");
}

TEST(BadTrace, OfJsonLines) {
  const std::string good = "{\"timestamp\":0,\"input_length\":1,\"output_length\":1}\n";
  EXPECT_EQ(complaint_about(good + "{\"timestamp\":0,\"input_length\":1,\"outp"),
            "t.csv:2:38: error: the string has no end");
  EXPECT_EQ(complaint_about(good + "{\"timestamp\":0,\"input_length\":1}"),
            "t.csv:2:33: error: the key 'output_length' is missing; mooncake needs timestamp, "
            "input_length, output_length");
  EXPECT_EQ(
      complaint_about("{\"timestamp\":0,\"input_length\":\"12\",\"output_length\":1}"),
      "t.csv:1:31: error: expected 'input_length' to be tokens, 0 to 1000000000, not '\"12\"'");
  EXPECT_EQ(complaint_about("{\"timestamp\":-5,\"input_length\":1,\"output_length\":1}"),
            "t.csv:1:14: error: expected 'timestamp' to be milliseconds from 0 on, not '-5'");
  EXPECT_EQ(complaint_about("{\"timestamp\":0,\"hash_ids\":[1,x]}"),
            "t.csv:1:30: error: expected a whole number in 'hash_ids', not 'x'");
  EXPECT_EQ(complaint_about("{\"timestamp\":0,\"timestamp\":0}"),
            "t.csv:1:28: error: the key appears twice");
  EXPECT_EQ(complaint_about(good + good.substr(0, 15)),
            "t.csv:2:16: error: expected '\"' at the start of a string");
  EXPECT_EQ(complaint_about(good.substr(0, good.size() - 1) + "}\n"),
            "t.csv:1:51: error: expected nothing behind the object");
  EXPECT_EQ(complaint_about("{}"),
            "t.csv:1:3: error: the key 'timestamp' is missing; mooncake needs "
            "timestamp, input_length, output_length");
  EXPECT_EQ(complaint_about("{\"a\":" + std::string(100, '[')),
            "t.csv:1:71: error: the value is nested too deeply");
  TraceArrivals spec;
  spec.format = TraceFormat::mooncake;
  EXPECT_EQ(complaint_about("timestamp,input_length\n", spec),
            "t.csv:1:1: error: expected '{' at the start of a line of JSON");
}

TEST(BadTrace, WithNothingLeft) {
  TraceArrivals spec;
  spec.min_prompt = Tokens{100};
  spec.skip = 1;
  EXPECT_EQ(complaint_about(vidur_header + "1,2,3\n2,3,4\n", spec),
            "t.csv: error: no request is left: of 2 rows 1 were skipped and 1 left out");
}

template <class Compressor>
std::string compressed(const Compressor& compressor, const std::string& text) {
  std::ostringstream out;
  boost::iostreams::filtering_ostream stream;
  stream.push(compressor);
  stream.push(out);
  stream << text;
  boost::iostreams::close(stream);
  return out.str();
}

std::string gzip(const std::string& text) {
  return compressed(boost::iostreams::gzip_compressor(), text);
}
std::string zstd(const std::string& text) {
  return compressed(boost::iostreams::zstd_compressor(), text);
}
std::string xz(const std::string& text) {
  return compressed(boost::iostreams::lzma_compressor(), text);
}

WorkloadSpec replay(const std::string& file) {
  WorkloadSpec spec;
  TraceArrivals arrivals;
  arrivals.file = FilePath{file};
  spec.arrivals = arrivals;
  return spec;
}

std::string many_rows() {
  std::string text = vidur_header;
  for (int i = 0; i < 50'000; ++i) {
    text += std::to_string(i) + "," + std::to_string(i % 7 + 1) + ",3\n";
  }
  return text;
}

TEST(CompressedTrace, IsReadWhateverItsName) {
  const TemporaryFolder folder;
  const std::string text = many_rows();
  folder.write("t.csv.gz", gzip(text));
  folder.write("t.csv", gzip(text.substr(0, 300'000)) + gzip(text.substr(300'000)));
  EXPECT_EQ(requests_of(replay("t.csv.gz"), 1, folder.path()).size(), 50'000U);
  EXPECT_EQ(requests_of(replay("t.csv"), 1, folder.path()).size(), 50'000U);
  folder.write("t.csv.zst", zstd(text));
  folder.write("u.csv", zstd(text));
  EXPECT_EQ(requests_of(replay("t.csv.zst"), 1, folder.path()).size(), 50'000U);
  EXPECT_EQ(requests_of(replay("u.csv"), 1, folder.path()).size(), 50'000U);
  folder.write("t.csv.xz", xz(text));
  folder.write("v.csv", xz(text));
  EXPECT_EQ(requests_of(replay("t.csv.xz"), 1, folder.path()).size(), 50'000U);
  EXPECT_EQ(requests_of(replay("v.csv"), 1, folder.path()).size(), 50'000U);
}

// What is said of a trace of these bytes.
std::string refusal(const TemporaryFolder& folder, const std::string& name,
                    const std::string& bytes) {
  folder.write(name, bytes);
  try {
    static_cast<void>(make_source(replay(name), 1, folder.path()));
    return "nothing";
  } catch (const UnreadableFile&) {
    return "unreadable";
  } catch (const BadInput& bad) {
    const std::string what = bad.what();
    return what.substr(what.find("error"));
  }
}

TEST(CompressedTrace, OfZstdOrXzThatIsCutOffOrDamagedIsRefused) {
  const TemporaryFolder folder;
  const std::string as_zstd = zstd(many_rows());
  const std::string as_xz = xz(many_rows());
  for (const std::size_t cut : {1, 5, 100, 1000}) {
    EXPECT_EQ(refusal(folder, "t.csv.zst", as_zstd.substr(0, as_zstd.size() - cut)),
              "error: the zstd file is damaged or cut off")
        << cut;
    EXPECT_EQ(refusal(folder, "t.csv.xz", as_xz.substr(0, as_xz.size() - cut)),
              "error: the xz file is damaged or cut off here")
        << cut;
  }
  EXPECT_EQ(refusal(folder, "t.csv.zst", "arrived_at,num_prefill_tokens\n"),
            "error: the zstd file is damaged or cut off");
}

TEST(CompressedTrace, ThatIsCutOffOrDamagedIsRefused) {
  const TemporaryFolder folder;
  const std::string compressed = gzip(many_rows());
  const auto refuse = [&](const std::string& bytes) { return refusal(folder, "t.csv.gz", bytes); };
  for (const std::size_t length :
       {std::size_t{5}, std::size_t{11}, compressed.size() / 2, compressed.size() - 9,
        compressed.size() - 4, compressed.size() - 1}) {
    EXPECT_EQ(refuse(compressed.substr(0, length)),
              "error: the gzip file is damaged or cut off here")
        << length;
  }
  std::string damaged = compressed;  // in its check sum, eight bytes from the end
  damaged[damaged.size() - 8] = static_cast<char>(damaged[damaged.size() - 8] ^ 0x55);
  EXPECT_EQ(refuse(damaged), "error: the gzip file is damaged or cut off here");
  EXPECT_EQ(refuse("arrived_at,num_prefill_tokens,num_decode_tokens\n"),
            "error: the gzip file is damaged or cut off here");
  EXPECT_EQ(refuse(""), "error: the gzip file is damaged or cut off here");
}

TEST(TraceFile, ThatIsMissingOrAFolderIsUnreadable) {
  const TemporaryFolder folder;
  try {
    static_cast<void>(make_source(replay("none.csv"), 1, folder.path()));
    FAIL();
  } catch (const UnreadableFile& bad) {
    EXPECT_EQ(bad.what(),
              folder.path() + "/none.csv: error: cannot be opened: No such file or directory");
  }
  try {
    static_cast<void>(make_source(replay("."), 1, folder.path()));
    FAIL();
  } catch (const UnreadableFile& bad) {
    EXPECT_NE(std::string(bad.what()).find("error: this is a folder, not a file"),
              std::string::npos);
  }
}

TEST(TraceReplay, GivesRequestsAsRecorded) {
  const TemporaryFolder folder;
  folder.write("t.csv", vidur_header + "7,10,20\n6,11,21\n8,12,0\n");
  Diagnostics notes;
  const auto source = make_request_source(replay("t.csv"), 1, folder.path(), notes);
  const auto requests = drain(*source);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].prompt, Tokens{11});
  EXPECT_EQ(requests[1].output, Tokens{20});
  EXPECT_EQ(requests[1].arrival, SimTime::at(Duration::seconds(1)));
  EXPECT_NE(requests[0].content.key(Tokens{0}), requests[1].content.key(Tokens{0}));
  EXPECT_EQ(source->counts().requests, 2);
  EXPECT_EQ(source->counts().filtered, 1);
  EXPECT_EQ(source->counts().reordered, 1);
  EXPECT_EQ(notes.size(), 2U);
}

TEST(TraceReplay, GivenLengthsReplaceTheRecordedOnes) {
  const TemporaryFolder folder;
  folder.write("t.jsonl",
               "{\"timestamp\":0,\"input_length\":5,\"output_length\":6,\"hash_ids\":[9]}\n");
  WorkloadSpec spec = replay("t.jsonl");
  {
    const auto source = make_source(spec, 1, folder.path());
    const Request request = source->pop();
    ASSERT_EQ(request.content.hash_ids.size(), 1U);
    EXPECT_EQ(request.content.hash_ids[0], 9U);
  }
  spec.output_tokens = FixedLength{Tokens{77}};
  EXPECT_EQ(requests_of(spec, 1, folder.path())[0].prompt, Tokens{5});
  EXPECT_EQ(requests_of(spec, 1, folder.path())[0].output, Tokens{77});
  spec.prompt_tokens = FixedLength{Tokens{88}};
  EXPECT_EQ(requests_of(spec, 1, folder.path())[0].prompt, Tokens{88});
  EXPECT_TRUE(requests_of(spec, 1, folder.path())[0].content.hash_ids.empty())
      << "the content of another prompt";
}

TEST(TraceReplay, EndsAtTheCountOrTheDuration) {
  const TemporaryFolder folder;
  folder.write("t.csv", vidur_header + "0,1,1\n1,1,1\n2,1,1\n3,1,1\n");
  WorkloadSpec spec = replay("t.csv");
  spec.duration = Duration::seconds(2);
  EXPECT_EQ(requests_of(spec, 1, folder.path()).size(), 3U);
  spec.requests = 2;
  EXPECT_EQ(requests_of(spec, 1, folder.path()).size(), 2U);
  spec.duration.reset();
  spec.requests = 100;
  EXPECT_EQ(requests_of(spec, 1, folder.path()).size(), 4U);
}

}  // namespace
}  // namespace tessera
