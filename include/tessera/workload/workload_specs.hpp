// The settings of a workload: when requests arrive, how long they are, how many there are.
// The variants are the registries of arrival processes and of length distributions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// Rates whose gaps, and whose sums of gaps, time can express: one request in thirty years to one a
// nanosecond.
inline constexpr Range<Rate> possible_rates = between(Rate{1e-9}, Rate{1e9});
inline constexpr Duration longest_pause = Duration::seconds(1'000'000'000);

struct PoissonArrivals {
  static constexpr std::string_view kind = "poisson";
  static constexpr std::string_view summary = "independent arrivals at a mean rate";
  Rate rate{1.0};
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("rate", self.rate, possible_rates, "mean requests a second");
  }
};

struct GammaArrivals {
  static constexpr std::string_view kind = "gamma";
  static constexpr std::string_view summary = "gamma gaps: burstier than Poisson with cv > 1";
  Rate rate{1.0};
  double cv = 1.0;
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("rate", self.rate, possible_rates, "mean requests a second");
    v.field("cv", self.cv, between(0.001, 100.0), "coefficient of variation of the gaps");
  }
};

struct WeibullArrivals {
  static constexpr std::string_view kind = "weibull";
  static constexpr std::string_view summary = "Weibull gaps: burstier than Poisson with shape < 1";
  Rate rate{1.0};
  double shape = 1.0;
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("rate", self.rate, possible_rates, "mean requests a second");
    v.field("shape", self.shape, between(0.1, 100.0), "Weibull's k; 1 is Poisson");
  }
};

struct ConstantArrivals {
  static constexpr std::string_view kind = "constant";
  static constexpr std::string_view summary = "equal gaps, the first request after one gap";
  Rate rate{1.0};
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("rate", self.rate, possible_rates, "requests a second");
  }
};

struct BurstArrivals {
  static constexpr std::string_view kind = "burst";
  static constexpr std::string_view summary = "all at once";
  Duration at;
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("at", self.at, between(Duration{}, longest_pause), "when");
  }
};

// Users who send, wait for the answer, think, and send again. Each thinks before the first request,
// too. A user who is turned away in the very instant of asking, and would ask again in it, pauses
// for a millisecond: otherwise nothing would ever happen after that instant.
struct ClosedLoopArrivals {
  static constexpr std::string_view kind = "closed_loop";
  static constexpr std::string_view summary = "users who wait for each answer, then think";
  std::int64_t users = 8;
  Duration think_time;
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("users", self.users, between(std::int64_t{1}, std::int64_t{10'000'000}),
            "concurrent users");
    v.field("think_time", self.think_time, between(Duration{}, longest_pause),
            "mean of the exponential pause between an answer and the next request");
  }
};

// auto: told by the first line.
enum class TraceFormat { automatic, vidur, azure, burstgpt, mooncake };
template <>
struct EnumNames<TraceFormat> {
  static constexpr std::array<std::string_view, 5> names{"auto", "vidur", "azure", "burstgpt",
                                                         "mooncake"};
};

struct TraceArrivals {
  static constexpr std::string_view kind = "trace";
  static constexpr std::string_view summary = "recorded arrivals, and lengths where none are given";
  FilePath file;
  TraceFormat format = TraceFormat::automatic;
  double rate_scale = 1.0;
  std::optional<std::int64_t> limit;
  std::int64_t skip = 0;
  std::optional<Tokens> min_prompt;
  std::optional<Tokens> max_prompt;
  std::optional<Tokens> max_output;
  std::optional<Tokens> max_total;
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.required("file", self.file, "the trace; CSV or JSONL, plain or .gz");
    v.field("format", self.format, "auto: told by the first line");
    v.field("rate_scale", self.rate_scale, between(1e-6, 1e6),
            "factor on the arrival rate; 0.05 stretches every gap 20 times");
    v.field("limit", self.limit, at_least(std::int64_t{1}), "requests to take, after the filters");
    v.field("skip", self.skip, at_least(std::int64_t{0}), "rows to pass over first");
    v.field("min_prompt", self.min_prompt, at_least(Tokens{1}),
            "leave out shorter prompts (counted)");
    v.field("max_prompt", self.max_prompt, at_least(Tokens{1}),
            "leave out longer prompts (counted)");
    v.field("max_output", self.max_output, at_least(Tokens{1}),
            "leave out longer outputs (counted)");
    v.field("max_total", self.max_total, at_least(Tokens{2}),
            "leave out longer prompt + output (counted)");
  }
};

using ArrivalSpec = std::variant<PoissonArrivals, GammaArrivals, WeibullArrivals, ConstantArrivals,
                                 BurstArrivals, ClosedLoopArrivals, TraceArrivals>;

// Lengths. `min` and `max` clamp what is drawn; clamped draws are counted.
struct FixedLength {
  static constexpr std::string_view kind = "fixed";
  static constexpr std::string_view summary = "always the same";
  Tokens tokens{128};
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("tokens", self.tokens, between(Tokens{1}, Tokens{1'000'000'000}), "the length");
  }
};

struct UniformLength {
  static constexpr std::string_view kind = "uniform";
  static constexpr std::string_view summary = "every length from min to max alike";
  Tokens min{1};
  Tokens max{256};
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("min", self.min, between(Tokens{1}, Tokens{1'000'000'000}), "shortest");
    v.field("max", self.max, between(Tokens{1}, Tokens{1'000'000'000}), "longest");
  }
};

struct LognormalLength {
  static constexpr std::string_view kind = "lognormal";
  static constexpr std::string_view summary = "most short, a few long: what chats look like";
  double median = 128.0;
  double sigma = 1.0;
  Tokens min{1};
  Tokens max{1'000'000'000};
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("median", self.median, within(0.0, 1e9), "half of the draws are shorter");
    v.field("sigma", self.sigma, between(0.0, 10.0), "standard deviation of the logarithm");
    v.field("min", self.min, between(Tokens{1}, Tokens{1'000'000'000}),
            "shorter draws become this");
    v.field("max", self.max, between(Tokens{1}, Tokens{1'000'000'000}), "longer draws become this");
  }
};

struct ZipfLength {
  static constexpr std::string_view kind = "zipf";
  static constexpr std::string_view summary = "P(n) proportional to n^-exponent, from min to max";
  double exponent = 1.0;
  Tokens min{1};
  Tokens max{1024};
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("exponent", self.exponent, between(0.0, 10.0), "steepness; 0 is uniform");
    v.field("min", self.min, between(Tokens{1}, Tokens{1'000'000'000}), "shortest");
    v.field("max", self.max, between(Tokens{1}, Tokens{1'000'000'000}), "longest");
  }
};

// Lengths drawn, with replacement, from a column of a CSV file. Where prompt_tokens and
// output_tokens name the same file, one draw takes both from one row: their joint distribution.
struct EmpiricalLength {
  static constexpr std::string_view kind = "empirical";
  static constexpr std::string_view summary = "drawn from a column of a CSV file";
  FilePath file;
  std::string column;
  double scale = 1.0;
  Tokens min{1};
  Tokens max{1'000'000'000};
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.required("file", self.file, "a CSV file with a header");
    v.required("column", self.column, "the column's name");
    v.field("scale", self.scale, within(0.0, 1e6),
            "factor on every length, rounded to the nearest");
    v.field("min", self.min, between(Tokens{1}, Tokens{1'000'000'000}),
            "shorter draws become this");
    v.field("max", self.max, between(Tokens{1}, Tokens{1'000'000'000}), "longer draws become this");
  }
};

using LengthSpec =
    std::variant<FixedLength, UniformLength, LognormalLength, ZipfLength, EmpiricalLength>;

// Numbers from 0 on that requests are given: tenants, priorities, groups.
struct CategorySpec {
  std::int64_t count = 2;
  double exponent = 0.0;
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("count", self.count, between(std::int64_t{1}, std::int64_t{1'000'000'000}),
            "how many there are, numbered from 0");
    v.field("exponent", self.exponent, between(0.0, 10.0),
            "Zipf: number k has a share proportional to (k+1)^-exponent; 0: equal shares");
  }
};

// System prompts: what the prompts of a group have in common, at their start.
struct SharedPrefixSpec {
  std::int64_t groups = 1;
  double exponent = 0.0;
  Tokens tokens{256};
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("groups", self.groups, between(std::int64_t{1}, std::int64_t{1'000'000'000}),
            "different prefixes");
    v.field("exponent", self.exponent, between(0.0, 10.0),
            "Zipf: prefix k has a share proportional to (k+1)^-exponent; 0: equal shares");
    v.field("tokens", self.tokens, between(Tokens{1}, Tokens{1'000'000'000}),
            "length of a prefix, before prompt_tokens");
  }
};

// Conversations: what arrives by itself is a first turn; the next comes when the answer has been
// read, and its prompt is all that was said so far and prompt_tokens more.
struct ConversationSpec {
  double mean_turns = 4.0;
  Duration think_time = Duration::seconds(10);
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("mean_turns", self.mean_turns, between(1.0, 1e6), "geometric, at least 1");
    v.field("think_time", self.think_time, between(Duration{}, longest_pause),
            "mean of the exponential pause between an answer and the next turn");
  }
};

struct CancellationSpec {
  double fraction = 0.1;
  Duration mean_after = Duration::seconds(5);
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("fraction", self.fraction, between(0.0, 1.0), "of the requests");
    v.field("mean_after", self.mean_after, within(Duration{}, longest_pause),
            "mean of the exponential time from arrival to cancellation");
  }
};

// Parallel sampling and beam search: several sequences from one prompt, equally long.
struct SamplingSpec {
  std::int64_t n = 1;
  std::optional<std::int64_t> best_of;
  bool use_beam_search = false;
  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    const auto some = between(std::int64_t{1}, std::int64_t{1'000});
    v.field("n", self.n, some, "sequences that a request returns");
    v.field("best_of", self.best_of, some,
            "sequences that are sampled for it, of which the best n are returned; null: n");
    v.field("use_beam_search", self.use_beam_search,
            "the sequences are the beams of a search, best_of of them: in each step the best "
            "continuations go on, several of one beam or none. There are no logits, so scores are "
            "drawn: a beam's j-th best next token lies j exponential draws below the beam");
  }
  [[nodiscard]] std::int64_t num_sequences() const { return best_of.value_or(n); }
};

struct WorkloadSpec {
  ArrivalSpec arrivals;
  std::optional<LengthSpec> prompt_tokens;  // absent: the trace's, or 128
  std::optional<LengthSpec> output_tokens;
  std::optional<LengthSpec> max_output_tokens;
  std::optional<Tokens> max_total_tokens;
  std::optional<std::int64_t> requests;
  std::optional<Duration> duration;
  std::optional<SamplingSpec> sampling;
  std::optional<CategorySpec> tenants;
  std::optional<CategorySpec> priorities;
  std::optional<SharedPrefixSpec> shared_prefixes;
  std::optional<ConversationSpec> conversations;
  std::optional<Duration> deadline;
  std::optional<Duration> client_timeout;
  std::optional<CancellationSpec> cancellations;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("arrivals", self.arrivals, "when requests arrive");
    v.field("prompt_tokens", self.prompt_tokens, "length of prompts; null: the trace's");
    v.field("output_tokens", self.output_tokens, "length of outputs; null: the trace's");
    v.field("max_output_tokens", self.max_output_tokens,
            "the most that a request may generate (max_tokens), by which engines reserve; longer "
            "outputs end there; null: the trace's, or the output's own length");
    v.field("max_total_tokens", self.max_total_tokens, at_least(Tokens{2}),
            "outputs (and max_output_tokens) are shortened so that prompt + output stay within it "
            "(counted)");
    v.field("requests", self.requests, between(std::int64_t{1}, std::int64_t{1'000'000'000'000}),
            "how many requests arrive");
    v.field("duration", self.duration, more_than(Duration{}), "how long requests arrive");
    v.field("sampling", self.sampling,
            "several sequences a request, with copy on write; null: one");
    v.field("tenants", self.tenants, "whose requests they are; null: the trace's, or one tenant");
    v.field("priorities", self.priorities,
            "how urgent they are, 0 first; null: the trace's, or all alike");
    v.field("shared_prefixes", self.shared_prefixes,
            "system prompts that prompts begin with; null: none");
    v.field("conversations", self.conversations,
            "turns that follow an answer, with all that was said before it; null: none");
    v.field("deadline", self.deadline, more_than(Duration{}),
            "when a request should have ended, from its arrival; null: the trace's, or none");
    v.field("client_timeout", self.client_timeout, more_than(Duration{}),
            "when a client gives up, from the arrival; null: never");
    v.field("cancellations", self.cancellations,
            "requests that their clients cancel; null: the trace's, or none");
  }
};

}  // namespace tessera
