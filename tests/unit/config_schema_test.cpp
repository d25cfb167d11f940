// The JSON Schema that editors use. scenarios/scenario.schema.json is scenario_schema() as text:
// after a change of the specs, write it anew with `tessera schema >
// scenarios/scenario.schema.json`.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>
#include <string>

#include "tessera/config/load.hpp"

namespace tessera {
namespace {

namespace json = boost::json;

json::value schema_at(const std::string& pointer) {
  return json::parse(scenario_schema()).at_pointer(pointer);
}

TEST(ConfigSchema, TheFileIsWhatTheProgramPrints) {
  std::ifstream file(std::string(TESSERA_SOURCE_DIR) + "/scenarios/scenario.schema.json");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == scenario_schema())
      << "write it anew: tessera schema > scenarios/scenario.schema.json";
}

TEST(ConfigSchema, IsDraft2020WithEveryKey) {
  EXPECT_EQ(schema_at("/$schema").as_string(), "https://json-schema.org/draft/2020-12/schema");
  for (const char* key : {"name", "seed", "hardware", "model", "precision", "engine", "cost",
                          "workload", "slo", "output", "sweep"}) {
    EXPECT_TRUE(schema_at("/properties").as_object().contains(key)) << key;
    EXPECT_TRUE(schema_at("/properties").at(key).as_object().contains("description")) << key;
  }
  EXPECT_FALSE(schema_at("/additionalProperties").as_bool());
  EXPECT_EQ(schema_at("/required"), (json::value{"model"}));
}

// Editors refuse the whole schema for a single `required` that is no list of names.
void expect_lists_of_required(const json::value& schema, const std::string& place) {
  if (const auto* object = schema.if_object()) {
    for (const auto& [key, value] : *object) {
      if (key == "required") {
        EXPECT_TRUE(value.is_array()) << place << " " << json::serialize(value);
      }
      expect_lists_of_required(value, place + "/" + std::string(key));
    }
  } else if (const auto* array = schema.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      expect_lists_of_required((*array)[i], place + "/" + std::to_string(i));
    }
  }
}

TEST(ConfigSchema, WhatIsRequiredIsAlwaysAList) {
  expect_lists_of_required(json::parse(scenario_schema()), "");
}

TEST(ConfigSchema, RangesUnitsNamesAndKinds) {
  const json::value share =
      schema_at("/properties/engine/properties/memory/properties/utilization");
  EXPECT_EQ(share.at("exclusiveMinimum").to_number<double>(), 0.0);
  EXPECT_EQ(share.at("maximum").to_number<double>(), 1.0);
  EXPECT_EQ(share.at("default").to_number<double>(), 0.9);
  const json::value policies = schema_at("/properties/engine/properties/policy/oneOf");
  EXPECT_EQ(policies.as_array().size(), list_policies().size() + 1);
  EXPECT_EQ(policies.at(0).at("enum").at(0).as_string(), "vllm_v1");
  EXPECT_EQ(policies.at(1).at("properties").at("kind").at("const").as_string(), "vllm_v1");
  const json::value weights = schema_at("/properties/precision/properties/weights/enum");
  EXPECT_EQ(weights.at(0).as_string(), "fp32");
  const json::value gpu = schema_at("/properties/hardware/properties/gpu/oneOf");
  EXPECT_TRUE(gpu.at(0).at("properties").at("memory").as_object().contains("pattern"));
  EXPECT_EQ(gpu.at(1).at("enum").as_array().size(), list_gpus().size());
}

}  // namespace
}  // namespace tessera
