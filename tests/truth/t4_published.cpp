// What is assumed where a row does not say it: prompts of "up to 500" tokens are 250 long, "short"
// ones 30; a closed loop computes each prompt while the others wait, then decodes all together.
#include "tests/truth/t4_published.hpp"

#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "tessera/config/load.hpp"
#include "tessera/cost/explain.hpp"
#include "tessera/workload/csv_file.hpp"

namespace tessera::truth {
namespace {

using Format = WeightFormat;

// One engine with one model on a T4.
struct Deployment {
  std::string overheads;
  std::string model;
  Format weights = Format::fp16;
  ComputeFormat compute = ComputeFormat::fp16;
};

struct Prediction {
  std::string engine;
  double value = 0.0;
};

// What runs on the T4: the engines' constants by name.
class Published {
 public:
  Published(OverheadsOf overheads, const GpuSpec& gpu)
      : overheads_(std::move(overheads)), gpu_(gpu) {}

  [[nodiscard]] double prefill(const Deployment& on, std::int64_t batch, std::int64_t tokens,
                               std::int64_t cached = 0) const;
  [[nodiscard]] double decode(const Deployment& on, std::int64_t batch, std::int64_t context) const;
  [[nodiscard]] double turn(const Deployment& on, std::int64_t users, std::int64_t prompt,
                            std::int64_t output, std::int64_t cached = 0) const;
  [[nodiscard]] Prediction throughput(const Deployment& on, std::int64_t users, std::int64_t prompt,
                                      std::int64_t output, std::int64_t cached = 0) const;
  [[nodiscard]] Prediction static_batch(const Deployment& on, std::int64_t slots) const;

 private:
  [[nodiscard]] double seconds(const Deployment& on, const StepQuestion& question) const;

  OverheadsOf overheads_;
  GpuSpec gpu_;
};

double Published::seconds(const Deployment& on, const StepQuestion& question) const {
  PrecisionSpec precision;
  precision.weights = on.weights;
  precision.compute = on.compute;
  precision.kv_cache = on.compute == ComputeFormat::fp32 ? KvFormat::fp32 : KvFormat::fp16;
  ModelSpec model;
  if (on.model == "qwen3.5-9b as dense") {
    // A quarter of its layers attend; here all do, with as many parameters.
    model = model_preset("llama-3.1-8b");
    model.intermediate = 12'288;
    model.vocabulary = 248'320;
  } else {
    model = model_preset(on.model);
  }
  const auto cost = make_cost_model(RooflineCostSpec{}, gpu_, model, precision, RankPlace{},
                                    overheads_(on.overheads));
  return explain(*cost, question, model).back().time.to_seconds();
}

double Published::prefill(const Deployment& on, std::int64_t batch, std::int64_t tokens,
                          std::int64_t cached) const {
  StepQuestion question;
  question.phase = Phase::prefill;
  question.batch = batch;
  question.new_tokens = Tokens{tokens};
  question.context = Tokens{cached};
  const bool copies = overheads_(on.overheads).concatenates;
  question.kv_cache = copies ? CacheUse::concat : CacheUse::on;
  return seconds(on, question);
}

double Published::decode(const Deployment& on, std::int64_t batch, std::int64_t context) const {
  StepQuestion question;
  question.batch = batch;
  question.context = Tokens{context};
  const bool copies = overheads_(on.overheads).concatenates;
  question.kv_cache = copies ? CacheUse::concat : CacheUse::on;
  return seconds(on, question);
}

// A closed loop of `users`: from one start of a request to the next of the same user.
double Published::turn(const Deployment& on, std::int64_t users, std::int64_t prompt,
                       std::int64_t output, std::int64_t cached) const {
  const double prompts = static_cast<double>(users) * prefill(on, 1, prompt, cached);
  const double steps = static_cast<double>(output - 1);
  return prompts + steps * decode(on, users, cached + prompt + output / 2);
}

Prediction Published::throughput(const Deployment& on, std::int64_t users, std::int64_t prompt,
                                 std::int64_t output, std::int64_t cached) const {
  const double tokens = static_cast<double>(users * output);
  return {on.overheads, tokens / turn(on, users, prompt, output, cached)};
}

// Hugging Face's static batch of 24 requests, 18 of 32 tokens and 6 of 256: with more than one
// slot, every batch has a long one.
Prediction Published::static_batch(const Deployment& on, std::int64_t slots) const {
  const double useful = 18.0 * 32.0 + 6.0 * 256.0;
  if (slots == 1) {
    return {on.overheads, useful / (18.0 * turn(on, 1, 30, 32) + 6.0 * turn(on, 1, 30, 256))};
  }
  const double batch = prefill(on, slots, 30) + 255.0 * decode(on, slots, 30 + 128);
  return {on.overheads, useful / (24.0 / static_cast<double>(slots) * batch)};
}

const Deployment qwen_on_vllm{"vllm_cuda_graphs", "qwen2.5-1.5b"};
const Deployment awq_qwen_on_vllm{"vllm_cuda_graphs", "qwen2.5-1.5b", Format::awq};
const Deployment qwen_on_hf{"hugging_face_eager", "qwen2.5-1.5b"};
const Deployment awq_mistral{"hugging_face_eager", "mistral-7b", Format::awq};
const Deployment q8_on_llama_cpp{"llama_cpp", "qwen3.5-9b as dense", Format::q8_0};
const Deployment phi_on_vllm{"vllm_eager", "phi-2"};

// Rows of single steps and of closed loops, by id.
const std::map<int, std::function<Prediction(const Published&)>>& simulated_rows() {
  const auto awq_prefill = [](std::int64_t tokens) {
    return [tokens](const Published& t4) {
      const double speed = static_cast<double>(tokens) / t4.prefill(awq_mistral, 1, tokens);
      return Prediction{"hugging_face_eager", speed};
    };
  };
  static const std::map<int, std::function<Prediction(const Published&)>> rows{
      {128, awq_prefill(128)},
      {130, awq_prefill(256)},
      {132, awq_prefill(512)},
      {134, awq_prefill(1024)},
      {125,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1.0 / t4.decode(awq_mistral, 1, 48)};
       }},
      {127,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1.0 / t4.decode(awq_mistral, 1, 96)};
       }},
      {129,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1.0 / t4.decode(awq_mistral, 1, 192)};
       }},
      {131,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1.0 / t4.decode(awq_mistral, 1, 384)};
       }},
      {133,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1.0 / t4.decode(awq_mistral, 1, 768)};
       }},
      {135,
       [](const Published& t4) {
         return Prediction{"llama_cpp", 512.0 / t4.prefill(q8_on_llama_cpp, 1, 512)};
       }},
      {136,
       [](const Published& t4) {
         return Prediction{"llama_cpp", 512.0 / t4.prefill(q8_on_llama_cpp, 1, 512)};
       }},
      {137,
       [](const Published& t4) {
         return Prediction{"llama_cpp", 512.0 / t4.prefill(q8_on_llama_cpp, 1, 512)};
       }},
      {146,
       [](const Published& t4) {
         return Prediction{"llama_cpp", 1.0 / t4.decode(q8_on_llama_cpp, 1, 64)};
       }},
      {147,
       [](const Published& t4) {
         return Prediction{"llama_cpp", 1.0 / t4.decode(q8_on_llama_cpp, 1, 64)};
       }},
      {150,
       [](const Published& t4) {
         return Prediction{"llama_cpp", 1.0 / t4.decode(q8_on_llama_cpp, 1, 64)};
       }},
      {155, [](const Published& t4) { return t4.throughput(qwen_on_vllm, 1, 250, 256); }},
      {156, [](const Published& t4) { return t4.throughput(awq_qwen_on_vllm, 1, 250, 256); }},
      {158, [](const Published& t4) { return t4.throughput(awq_qwen_on_vllm, 4, 250, 256); }},
      {160, [](const Published& t4) { return t4.throughput(awq_qwen_on_vllm, 8, 250, 256); }},
      {163, [](const Published& t4) { return t4.throughput(qwen_on_vllm, 1, 1475, 64); }},
      {164, [](const Published& t4) { return t4.throughput(qwen_on_vllm, 1, 35, 64, 1440); }},
      {166, [](const Published& t4) { return t4.throughput(qwen_on_vllm, 4, 35, 64, 1440); }},
      {168, [](const Published& t4) { return t4.throughput(qwen_on_vllm, 16, 35, 64, 1440); }},
      {170,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1e3 * t4.decode(qwen_on_hf, 1, 192)};
       }},
      {171,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1e3 * t4.prefill(qwen_on_hf, 1, 512)};
       }},
      {172,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1e3 * t4.decode(qwen_on_hf, 1, 576)};
       }},
      {174,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1e3 * t4.decode(qwen_on_hf, 1, 2112)};
       }},
      {178, [](const Published& t4) { return t4.static_batch(qwen_on_hf, 1); }},
      {179, [](const Published& t4) { return t4.static_batch(qwen_on_hf, 4); }},
      {181, [](const Published& t4) { return t4.throughput(qwen_on_vllm, 1, 30, 58); }},
      {226,
       [](const Published& t4) {
         return Prediction{"vllm_eager", 1.0 / t4.turn(phi_on_vllm, 1, 30, 50)};
       }},
      {227,
       [](const Published& t4) {
         return Prediction{"vllm_eager", 2.0 / t4.turn(phi_on_vllm, 2, 30, 50)};
       }},
      {228,
       [](const Published& t4) {
         return Prediction{"vllm_eager", 5.0 / t4.turn(phi_on_vllm, 5, 30, 50)};
       }},
      {231,
       [](const Published& t4) {
         return Prediction{"hugging_face_eager", 1.0 / t4.decode(qwen_on_hf, 1, 150)};
       }},
      {234,
       [](const Published& t4) {
         const Deployment int8{"vllm_cuda_graphs", "qwen2.5-7b", Format::int8};
         return Prediction{"vllm_cuda_graphs", 1.0 / t4.decode(int8, 5, 200)};
       }},
  };
  return rows;
}

const std::map<int, std::string>& rows_left_out() {
  static const std::map<int, std::string> reasons{
      {37, "int8 1 x 32: slower than at four times the tokens"},
      {124, "AutoAWQ's warming up is in it"},
      {126,
       "64 tokens of AutoAWQ's: a token takes 1.4 times as long as in prompts of 128 and more"},
      {138, "a hot card"},
      {143, "three quarters of the layers do not attend: their context is not ours"},
      {144, "context of 16k and more on a hot card"},
      {145, "context of 16k and more on a hot card"},
      {148, "a hot card"},
      {152, "context of 16k and more on a hot card"},
      {153, "context of 16k and more on a hot card"},
      {162, "a closed loop of mixed lengths at concurrency 32"},
      {182, "the order of mixed lengths is not published, and few requests are all tail"},
      {183, "the order of mixed lengths is not published, and few requests are all tail"},
      {190, "includes half a second of warming up"},
      {230, "bitsandbytes writes whole matrices out before each product"},
      {232, "its source contradicts itself"},
      {233, "its source contradicts itself"},
      {235, "its source contradicts itself"},
      {236, "the throughput is that of the arrivals"},
      {237, "the throughput is that of the arrivals"},
      {238, "the throughput is that of the arrivals"},
      {240, "several GPUs, with lengths from memory"},
      {241, "several GPUs, with lengths from memory"},
      {242, "several GPUs, with lengths from memory"},
      {243, "several GPUs, and bitsandbytes' own kernels"},
      {244, "several GPUs, bound by the host"},
  };
  return reasons;
}

// No row of AWQ's prefills is marked calibrate: every other one of those that are simulated serves,
// and the rest are scored.
const std::set<int> stand_in_rows{128, 132};

std::string reason_of_kind(std::string_view model, int id) {
  const auto has = [](std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  if (has(model, "ViT")) {
    return "577 tokens, which FasterTransformer's fused attention does not take";
  }
  if (has(model, "Transformer-")) {
    return "an architecture that is not modelled";
  }
  if (id == 109) {
    return "FlexGen's own 4-bit compression of weights and cache";
  }
  if (id >= 101 && id <= 111) {
    return "weights or cache outside the GPU";
  }
  return "no preset of this engine";
}

std::optional<Deployment> encoder_of(std::string_view model, std::string_view engine,
                                     std::string_view format) {
  if (!model.starts_with("BERT-base") || !engine.starts_with("FasterTransformer")) {
    return std::nullopt;
  }
  if (format == "fp32") {
    return Deployment{"faster_transformer", "bert-base", Format::fp32, ComputeFormat::fp32};
  }
  if (format.starts_with("int8")) {
    return Deployment{"faster_transformer", "bert-base", Format::int8, ComputeFormat::int8};
  }
  return Deployment{"faster_transformer", "bert-base"};
}

}  // namespace

std::vector<PublishedRow> read_published(const std::string& file, const OverheadsOf& overheads,
                                         const GpuSpec& gpu) {
  const Published t4(overheads, gpu);
  CsvFile table(file);
  std::vector<PublishedRow> rows;
  while (const auto fields = table.next_row()) {
    const auto text = [&](std::string_view column) {
      return std::string((*fields)[table.find(column).value()]);
    };
    const std::string kind = text("class");
    if (kind != "prefill-compute" && kind != "decode" && !kind.starts_with("serve")) {
      continue;
    }
    PublishedRow row;
    row.id = std::atoi(text("id").c_str());
    row.what = text("engine") + ", " + text("model") + " " + text("precision") + ", " +
               text("batch_or_conc") + " x " + text("prompt_len") + ": " + text("metric");
    row.measured = std::strtod(text("value").c_str(), nullptr);
    row.unit = text("unit");
    row.calibrates = text("split") == "calibrate" || stand_in_rows.contains(row.id);
    const auto encoder = encoder_of(text("model"), text("engine"), text("precision"));
    const auto reason = rows_left_out().find(row.id);
    const auto simulated = simulated_rows().find(row.id);
    if (reason != rows_left_out().end()) {
      row.left_out = reason->second;
    } else if (encoder) {
      row.engine = encoder->overheads;
      row.predicted = 1e3 * t4.prefill(*encoder, std::atoll(text("batch_or_conc").c_str()),
                                       std::atoll(text("prompt_len").c_str()));
    } else if (simulated != simulated_rows().end()) {
      const Prediction prediction = simulated->second(t4);
      row.engine = prediction.engine;
      row.predicted = prediction.value;
    } else {
      row.left_out = reason_of_kind(text("model"), row.id);
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace tessera::truth
