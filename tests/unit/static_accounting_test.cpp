// The rows of `tessera memory`: the published figures, and every formula against its own number.
#include "tessera/memory/static_accounting.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string>

#include "tessera/config/load.hpp"

namespace tessera {
namespace {

// Evaluates the arithmetic of a formula: + - * / ^ and brackets.
class Calculator {
 public:
  explicit Calculator(const std::string& text) : at_(text.c_str()) {}
  long double value() {
    const long double result = sum();
    EXPECT_EQ(*at_, '\0') << "not arithmetic";
    return result;
  }

 private:
  long double sum() {
    long double result = product();
    while (*at_ == '+' || *at_ == '-') {
      result = *at_++ == '+' ? result + product() : result - product();
    }
    return result;
  }
  long double product() {
    long double result = power();
    while (*at_ == '*' || *at_ == '/') {
      result = *at_++ == '*' ? result * power() : result / power();
    }
    return result;
  }
  long double power() {
    const long double base = atom();
    return *at_ == '^' ? (++at_, std::pow(base, atom())) : base;
  }
  long double atom() {
    if (*at_ == '(') {
      ++at_;
      const long double result = sum();
      EXPECT_EQ(*at_, ')');
      ++at_;
      return result;
    }
    char* end = nullptr;
    EXPECT_TRUE(std::isdigit(static_cast<unsigned char>(*at_))) << at_;
    const long double result = std::strtold(at_, &end);
    at_ = end == at_ ? at_ + std::string(at_).size() : end;
    return result;
  }

  const char* at_;
};

using Accounts = std::vector<MemoryAccount>;

const MemoryRow& row_of(const Accounts& accounts, const std::string& item) {
  for (const MemoryAccount& account : accounts) {
    for (const MemoryRow& row : account.rows) {
      if (row.item == item) {
        return row;
      }
    }
  }
  static const MemoryRow none{"none", "", Bytes{-1}};
  ADD_FAILURE() << "no row " << item;
  return none;
}

std::int64_t bytes_of(const Accounts& accounts, const std::string& item) {
  return row_of(accounts, item).bytes.value_or(Bytes{-1}).count();
}

bool has_row(const Accounts& accounts, const std::string& item) {
  for (const MemoryAccount& account : accounts) {
    for (const MemoryRow& row : account.rows) {
      if (row.item == item) {
        return true;
      }
    }
  }
  return false;
}

struct Wanted {
  std::string model = "gpt3-175b";
  PrecisionSpec precision = {};
  InferenceShape shape{.batch = 64, .prompt = Tokens{512}, .output = Tokens{32}};
  std::optional<GpuSpec> gpu = std::nullopt;
  std::optional<std::int64_t> tensor = std::nullopt;
};

Accounts accounts_of(const Wanted& wanted) {
  const ModelSpec model = model_preset(wanted.model);
  const auto accounts =
      static_accounts({model, wanted.precision, wanted.shape, wanted.gpu, wanted.tensor});
  EXPECT_TRUE(accounts.has_value());
  return accounts.value_or(Accounts{});
}

TEST(StaticAccounting, TheKvCacheOfGpt3) {
  const Accounts accounts = accounts_of({});
  EXPECT_EQ(bytes_of(accounts, "kv_per_token"), 4'718'592);
  EXPECT_EQ(bytes_of(accounts, "kv_peak_textbook"), 164'282'499'072);
  EXPECT_EQ(bytes_of(accounts, "kv_peak_textbook_exact"), 163'980'509'184);
  EXPECT_EQ(bytes_of(accounts, "kv_peak"), 163'980'509'184);
  EXPECT_EQ(row_of(accounts, "kv_peak_textbook").formula, "4*b*l*h*(s+n) = 4*64*96*12288*(512+32)");
  EXPECT_EQ(row_of(accounts, "kv_peak").formula,
            "2*b*l*h_kv*d*e*(s+n-1) = 2*64*96*96*128*2*(512+32-1)");
  EXPECT_EQ(row_of(accounts, "kv_textbook_to_weights").formula,
            "kv_textbook/weights = 164282499072/349208518656 = 0.470");
  EXPECT_FALSE(row_of(accounts, "kv_to_weights").bytes.has_value());
}

// The counts l·12·h² of the LLaMA paper's sizes, and two bytes each in GiB.
TEST(StaticAccounting, TheLlamaTable) {
  struct Size {
    const char* model;
    std::int64_t textbook;
    double gib;
    double billions;
  };
  for (const Size& size :
       {Size{"llama-7b", 6'442'450'944, 12.0, 6.7}, Size{"llama-13b", 12'582'912'000, 23.4, 13.0},
        Size{"llama-33b", 31'897'681'920, 59.4, 32.5},
        Size{"llama-65b", 64'424'509'440, 120.0, 65.2}}) {
    const Accounts accounts{parameter_account(model_preset(size.model))};
    const std::int64_t bytes = bytes_of(accounts, "textbook_layers");
    EXPECT_EQ(bytes, 2 * size.textbook);
    EXPECT_TRUE(row_of(accounts, "textbook_layers")
                    .formula.ends_with(" = 2*" + std::to_string(size.textbook)));
    EXPECT_NEAR(static_cast<double>(bytes) / 1073741824.0, size.gib, 0.05);
    const auto exact = static_cast<double>(bytes_of(accounts, "parameters"));
    EXPECT_NEAR(exact / 2e9, size.billions, 0.1);
  }
}

TEST(StaticAccounting, TrainingInBothAccountings) {
  const Accounts accounts =
      accounts_of({.model = "gpt2", .shape = {4, Tokens{1024}, Tokens{1}}, .tensor = 1});
  const std::int64_t count = 124'439'808;
  EXPECT_EQ(bytes_of(accounts, "training_weights_fp16"), 2 * count);
  EXPECT_EQ(bytes_of(accounts, "training_gradients_fp16"), 2 * count);
  EXPECT_EQ(bytes_of(accounts, "training_master_fp32"), 4 * count);
  EXPECT_EQ(bytes_of(accounts, "training_states"), 16 * count);
  EXPECT_EQ(bytes_of(accounts, "training_phi_gradients_fp32"), 4 * count);
  EXPECT_EQ(bytes_of(accounts, "training_phi_adam_fp32"), 8 * count);
  EXPECT_EQ(bytes_of(accounts, "training_phi_states"), 14 * count);
  // s·b·h·(34 + 5·12·1024/768) a layer: 34 + 80.
  const std::int64_t kept = 12 * std::int64_t{1024} * 4 * 768 * 114;
  // A mask of a byte and two inputs of two bytes a number, and logits of four.
  const std::int64_t other = std::int64_t{1024} * 4 * (5 * 768 + 4 * 50'257);
  EXPECT_EQ(bytes_of(accounts, "training_phi_other"), other);
  EXPECT_EQ(bytes_of(accounts, "training_phi"), 14 * count + kept + other);
  EXPECT_EQ(bytes_of(accounts, "training_states_activations"), 16 * count + kept);
  EXPECT_FALSE(has_row(accounts_of({}), "training_states"));
}

// Parameters, gradients, optimizer states, activations, other: nothing else is in the total.
TEST(StaticAccounting, TheRowsOfTrainingInPhiSumToTheirTotal) {
  for (const char* model : {"gpt2", "llama-7b", "gpt3-175b", "bert-base"}) {
    const Accounts accounts =
        accounts_of({.model = model, .shape = {3, Tokens{200}, Tokens{1}}, .tensor = 1});
    std::int64_t sum = 0;
    for (const char* row :
         {"weights_fp16", "gradients_fp32", "adam_fp32", "activations", "other"}) {
      sum += bytes_of(accounts, std::string("training_phi_") + row);
    }
    EXPECT_EQ(bytes_of(accounts, "training_phi"), sum) << model;
    EXPECT_GT(bytes_of(accounts, "training_phi_other"), 0) << model;
  }
}

// GPT-3 with s = 2048: 5·a·s/h = 80.
TEST(StaticAccounting, ActivationsInEveryForm) {
  const Accounts accounts = accounts_of({.shape = {1, Tokens{2048}, Tokens{1}}, .tensor = 8});
  const std::int64_t stream = std::int64_t{2048} * 12288;
  const auto layer = [&](const char* form) {
    return bytes_of(accounts, std::string("activations_layer_") + form);
  };
  EXPECT_EQ(layer("stored"), stream * (34 + 80));
  EXPECT_EQ(layer("tensor_parallel"), stream * (10 + 3 + 10));
  EXPECT_EQ(layer("tensor_sequence_parallel"), stream * 114 / 8);
  EXPECT_EQ(layer("selective_recomputation"), stream * 34);
  EXPECT_EQ(layer("tensor_parallel_selective"), stream * (10 + 3));
  EXPECT_EQ(layer("tensor_sequence_parallel_selective"), stream * 34 / 8);
  EXPECT_EQ(layer("full_recomputation"), stream * 2);
  EXPECT_EQ(bytes_of(accounts, "activations_stored"), 96 * stream * 114);
}

TEST(StaticAccounting, AShareThatIsNotWholeIsRoundedUp) {
  const ModelSpec model = model_preset("gpt2");
  const Accounts accounts{activation_account(model, {.batch = 1, .sequence = 1, .tensor = 5})};
  EXPECT_EQ(bytes_of(accounts, "activations_layer_tensor_sequence_parallel_selective"),
            (34 * 768 + 4) / 5);
}

TEST(StaticAccounting, OneDeviceMakesTheFormsOfParallelismEqual) {
  const Accounts accounts = accounts_of({.tensor = 1});
  EXPECT_EQ(bytes_of(accounts, "activations_tensor_parallel"),
            bytes_of(accounts, "activations_stored"));
  EXPECT_EQ(bytes_of(accounts, "activations_tensor_sequence_parallel_selective"),
            bytes_of(accounts, "activations_selective_recomputation"));
}

TEST(StaticAccounting, InferenceIsTheSumOfItsPartsBesideTheRuleOfThumb) {
  const GpuSpec t4 = gpu_preset("t4");
  const Accounts accounts = accounts_of({.model = "llama-7b",
                                         .precision = {WeightFormat::int8},
                                         .shape = {8, Tokens{512}, Tokens{1}},
                                         .gpu = t4});
  const std::int64_t weights = 7'003'545'600;
  EXPECT_EQ(bytes_of(accounts, "weights"), weights);
  EXPECT_EQ(bytes_of(accounts, "kv_peak"), std::int64_t{8} * 512 * 524'288);
  const std::int64_t inference = bytes_of(accounts, "inference");
  EXPECT_EQ(inference,
            weights + bytes_of(accounts, "kv_peak") + bytes_of(accounts, "workspace_prefill"));
  EXPECT_EQ(bytes_of(accounts, "inference_without_kv"),
            weights + bytes_of(accounts, "workspace_without_kv"));
  EXPECT_EQ(bytes_of(accounts, "rule_of_thumb"), 11'906'027'520);
  EXPECT_EQ(bytes_of(accounts, "gpu_left"),
            t4.memory.count() - t4.context_memory.count() - inference);
}

TEST(StaticAccounting, TensorsOfAStep) {
  const Accounts accounts = accounts_of({});
  EXPECT_EQ(bytes_of(accounts, "hidden_states_prefill"), std::int64_t{64} * 512 * 12288 * 2);
  EXPECT_EQ(bytes_of(accounts, "hidden_states_decode"), 64 * 12288 * 2);
  EXPECT_EQ(bytes_of(accounts, "logits_all_positions"), std::int64_t{64} * 512 * 50257 * 2);
  EXPECT_EQ(bytes_of(accounts, "logits_decode"), 64 * 50257 * 2);
}

TEST(StaticAccounting, GroupedQueriesAndScalesTakeWhatTheyTake) {
  const Accounts grouped = accounts_of({.model = "llama-3-8b", .shape = {1, Tokens{8}, Tokens{3}}});
  EXPECT_EQ(bytes_of(grouped, "kv_peak"), 10 * 131'072);
  EXPECT_EQ(bytes_of(grouped, "kv_peak_textbook"), 11 * 524'288);
  PrecisionSpec precision;
  precision.kv_cache = KvFormat::int8;
  const Accounts scaled = accounts_of(
      {.model = "llama-7b", .precision = precision, .shape = {1, Tokens{8}, Tokens{3}}});
  EXPECT_EQ(bytes_of(scaled, "kv_peak"), 10 * 266'240);
  EXPECT_EQ(row_of(scaled, "kv_peak").formula, "2*b*l*r*(s+n-1) = 2*1*32*4160*(8+3-1)");
}

TEST(StaticAccounting, AnEncoderHasNoCache) {
  const Accounts accounts = accounts_of({.model = "bert-base", .gpu = gpu_preset("t4")});
  for (const char* item : {"kv_peak", "kv_per_token", "inference", "rule_of_thumb",
                           "workspace_decode", "logits_decode"}) {
    EXPECT_FALSE(has_row(accounts, item)) << item;
  }
  EXPECT_GT(bytes_of(accounts, "gpu_left"), 0);
}

TEST(StaticAccounting, MoreThanSixtyFourBitsIsNothing) {
  const ModelSpec model = model_preset("gpt3-175b");
  const PrecisionSpec precision;
  EXPECT_FALSE(
      static_accounts({model, precision, {1 << 20, Tokens{1 << 28}, Tokens{1 << 28}}, {}, {}})
          .has_value());
  EXPECT_TRUE(
      static_accounts({model, precision, {1, Tokens{1'000'000}, Tokens{1}}, {}, {1}}).has_value());
}

// Both sides of every formula that is arithmetic give the bytes beside it.
TEST(StaticAccounting, EveryFormulaOfEveryPresetGivesItsBytes) {
  for (const Listing& listing : list_models()) {
    int checked = 0;
    for (const MemoryAccount& account : accounts_of({.model = listing.name, .tensor = 4})) {
      for (const MemoryRow& row : account.rows) {
        const std::size_t equals = row.formula.find(" = ");
        if (!row.bytes || row.formula.find("tokens)") != std::string::npos) {
          continue;
        }
        ASSERT_NE(equals, std::string::npos) << row.item;
        std::string numbers = row.formula.substr(equals + 3);
        const std::string count = numbers.substr(std::min(numbers.find(" = "), numbers.size()));
        numbers.resize(numbers.size() - count.size());
        const auto bytes = static_cast<long double>(row.bytes->count());
        EXPECT_NEAR(static_cast<double>(Calculator(numbers).value() - bytes), 0.0, 1.0)
            << listing.name << " " << row.item << ": " << row.formula;
        if (!count.empty()) {
          EXPECT_EQ(Calculator(count.substr(3)).value(), bytes) << row.formula;
        }
        ++checked;
      }
    }
    EXPECT_GT(checked, 40) << listing.name;
  }
}

}  // namespace
}  // namespace tessera
