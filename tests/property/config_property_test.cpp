// Random scenarios, made from the shape that the specs describe: what loads survives its resolved
// text and obeys the schema; what does not is refused with a place. Then random damage to texts:
// whatever happens to a scenario, it loads or is refused.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/config/document.hpp"
#include "sim/config/emit.hpp"
#include "sim/config/number_text.hpp"
#include "sim/config/shape.hpp"
#include "tessera/config/load.hpp"
#include "tests/property/json_schema.hpp"

namespace tessera {
namespace {

namespace json = boost::json;

// splitmix64, so that a failure repeats wherever it runs.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

class ScenarioMaker {
 public:
  explicit ScenarioMaker(std::uint64_t seed) : dice_(seed) {}

  std::string make() {
    Node root = mapping_node({});
    for (const ShapeField& field : scenario_shape().fields) {
      if (field.name == "model") {
        root.add("model", {}, scalar_node(dice_.one_in(2) ? "gpt2" : "opt-125m", {}));
      } else if (field.name == "hardware") {
        root.add("hardware", {}, mapping_node({}))
            .add("gpu", {}, scalar_node(dice_.one_in(2) ? "t4" : "l4", {}));
      } else if (dice_.one_in(2)) {
        root.add(field.name, {}, value(field.shape, field.range, field.fallback));
      }
    }
    return to_flow_text(root);
  }

 private:
  Node whole_number(const ShapeRange& range, const Node& fallback) {
    const double low = range.min.empty() ? 0.0 : to_double(*decimal_of(range.min));
    const double high = range.max.empty() ? 1e6 : to_double(*decimal_of(range.max));
    if (dice_.one_in(8) && !fallback.text.empty()) {
      return scalar_node(fallback.text, {});
    }
    const double share = static_cast<double>(dice_.below(1'001)) / 1'000.0;
    return scalar_node(std::to_string(std::llround(
                           low + std::expm1(share * std::log1p(std::min(high - low, 2e3))))),
                       {});
  }

  Node scalar(const Shape& shape, const ShapeRange& range, const Node& fallback) {
    const auto count = std::to_string(1 + dice_.below(5'000));
    switch (shape.form) {
      case ScalarForm::boolean:
        return scalar_node(dice_.one_in(4) ? "true" : "false", {});
      case ScalarForm::whole_number:
        return whole_number(range, fallback);
      case ScalarForm::real_number:
        return scalar_node(dice_.one_in(2) ? "0." + count : std::to_string(1 + dice_.below(20)),
                           {});
      case ScalarForm::text: {
        Node node = scalar_node(dice_.one_in(3) ? count : "a 'b' \"c\" é: #" + count, {});
        node.quoted = true;
        return node;
      }
      case ScalarForm::file:
        return scalar_node("lengths.csv", {});
      default: {
        const auto units = unit_names(shape.form);
        return scalar_node(count + " " + units[dice_.below(units.size())], {});
      }
    }
  }

  Node mapping(const std::vector<ShapeField>& fields, Node start) {
    for (const ShapeField& field : fields) {
      if (field.required || dice_.one_in(3)) {
        start.add(field.name, {}, value(field.shape, field.range, field.fallback));
      }
    }
    return start;
  }

  Node value(const Shape& shape, const ShapeRange& range, const Node& fallback) {
    if (shape.nullable && dice_.one_in(4)) {
      return {};
    }
    switch (shape.kind) {
      case ShapeKind::scalar:
        return scalar(shape, range, fallback);
      case ShapeKind::enumeration:
        return scalar_node(shape.names[dice_.below(shape.names.size())], {});
      case ShapeKind::list:
        return {NodeKind::list, {}, "", false, {}, {}};
      case ShapeKind::mapping:
        return mapping(shape.fields, mapping_node({}));
      case ShapeKind::variant: {
        const ShapeAlternative& one = shape.alternatives[dice_.below(shape.alternatives.size())];
        if (dice_.one_in(4)) {
          return scalar_node(one.kind, {});
        }
        Node start = mapping_node({});
        start.add("kind", {}, scalar_node(one.kind, {}));
        return mapping(one.fields, std::move(start));
      }
    }
    return {};
  }

  Dice dice_;
};

// A folder with the file that made scenarios name.
class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("tessera_config_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ / "lengths.csv") << "prompt\n5\n";
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

const json::object& schema() {
  static const json::object object = json::parse(scenario_schema()).as_object();
  return object;
}

std::string schema_problem(const std::string& text) {
  Problems problems;
  const Node root = parse_document(text, "s.yaml", problems);
  return test::SchemaCheck::why_not(test::to_json(root), schema(), "");
}

TEST(ConfigProperty, WhatLoadsSurvivesItsResolvedTextAndObeysTheSchema) {
  const Folder folder;
  int loaded = 0;
  for (std::uint64_t seed = 0; seed < 1'500; ++seed) {
    const std::string text = ScenarioMaker(seed).make();
    std::string resolved;
    try {
      resolved = resolved_yaml(ScenarioText(text, "s.yaml", folder.path()).load({}).scenario);
    } catch (const BadInput& bad) {
      ASSERT_TRUE(has_errors(bad.diagnostics())) << text;
      continue;
    }
    ++loaded;
    ASSERT_EQ(resolved_yaml(ScenarioText(resolved, "r.yaml", folder.path()).load({}).scenario),
              resolved)
        << text;
    ASSERT_EQ(schema_problem(text), "") << text;
    ASSERT_EQ(schema_problem(resolved), "") << resolved;
  }
  RecordProperty("loaded", loaded);
  EXPECT_GT(loaded, 40);
}

TEST(ConfigProperty, TheSchemaRefusesWhatTheReaderRefuses) {
  for (const char* text :
       {"{model: gpt2, sed: 1}", "{seed: 1}", "{model: gpt3}", "{model: gpt2, seed: -1}",
        "{model: gpt2, seed: '5'}", "{model: gpt2, engine: {policy: {kind: orka}}}",
        "{model: gpt2, engine: {kv_cache: {kind: contiguous, block_size: 4}}}",
        "{model: gpt2, workload: {duration: 10}}", "{model: gpt2, workload: {duration: 10 sec}}",
        "{model: gpt2, workload: {arrivals: {kind: trace}}}", "{model: gpt2, output: {steps: 1}}",
        "{model: gpt2, engine: {memory: {utilization: 2}}}"}) {
    EXPECT_NE(schema_problem(text), "") << text;
    EXPECT_THROW((void)ScenarioText(text, "s.yaml", "").load({}), BadInput) << text;
  }
}

TEST(ConfigProperty, DamagedScenariosLoadOrAreRefused) {
  std::vector<std::string> seeds{
      std::string(ScenarioText::built_in().text()),
      ScenarioText::read(std::string(TESSERA_SOURCE_DIR) + "/scenarios/t4_llama7b_int8.yaml")
          .text()};
  for (std::uint64_t i = 0; i < 4; ++i) {
    seeds.push_back(ScenarioMaker(i).make());
  }
  const std::vector<std::string> pieces{
      ",",     "{",    "}",    "[",   "]",    ": ",    "- ",
      "\n",    "'",    "\"",   "&a ", "*a",   "!!x ",  "<<: ",
      "---\n", "\x04", "\xff", "010", ".nan", "1e999", "99999999999999999999",
      "null",  "~",    "|\n",  "? "};
  Dice dice(5);
  int refused = 0;
  for (int round = 0; round < 1'500; ++round) {
    std::string text = seeds[dice.below(seeds.size())];
    for (std::size_t i = 0; i <= dice.below(4); ++i) {
      const std::size_t at = dice.below(text.size() + 1);
      switch (dice.below(4)) {
        case 0:
          text.insert(at, pieces[dice.below(pieces.size())]);
          break;
        case 1:
          text.erase(at, 1 + dice.below(20));
          break;
        case 2:
          text.insert(at, text.substr(dice.below(text.size() + 1), dice.below(40)));
          break;
        default:
          text.resize(at);
      }
    }
    try {
      (void)ScenarioText(text, "s.yaml", "").load({});
    } catch (const BadInput& bad) {
      ++refused;
      ASSERT_TRUE(has_errors(bad.diagnostics())) << text;
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace tessera
