#include "tessera/metrics/json_writer.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace tessera {
namespace {

TEST(JsonWriter, KeepsOrderAndExactNumbers) {
  JsonWriter json;
  json.string("name", "a");
  json.open_object("latency");
  json.value("mean", "12.500000000001");
  json.value("none", "");
  json.value("met", "true");
  json.close();
  json.open_array("argv");
  json.element("tessera");
  json.element("run");
  json.close();
  json.open_array("nothing");
  json.close();
  json.integer("count", -3);
  EXPECT_EQ(json.finish(), R"({
  "name": "a",
  "latency": {
    "mean": 12.500000000001,
    "none": null,
    "met": true
  },
  "argv": [
    "tessera",
    "run"
  ],
  "nothing": [],
  "count": -3
}
)");
}

TEST(JsonWriter, EscapesWhatMustBeEscaped) {
  std::string awkward = "quote \" backslash \\ newline \n tab \t bell \a é /";
  awkward += '\0';
  JsonWriter json;
  json.string(awkward, awkward);
  const auto parsed = boost::json::parse(json.finish()).as_object();
  EXPECT_EQ(parsed.begin()->key(), awkward);
  EXPECT_EQ(parsed.begin()->value().as_string(), awkward);
}

TEST(JsonWriter, OfNothingIsAnEmptyObject) {
  EXPECT_EQ(JsonWriter().finish(), "{}\n");
}

}  // namespace
}  // namespace tessera
