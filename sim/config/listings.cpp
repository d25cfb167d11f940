// What a scenario may name, a line each.
#include <algorithm>
#include <cstdio>

#include "sim/config/fit_advice.hpp"
#include "sim/config/node_preset.hpp"
#include "sim/config/presets.hpp"
#include "sim/config/scalar.hpp"
#include "sim/config/shape.hpp"
#include "tessera/config/load.hpp"
#include "tessera/memory/allocator_specs.hpp"

namespace tessera {
namespace {

template <class... Specs>
std::vector<Listing> kinds_of(As<std::variant<Specs...>> /*type*/) {
  return {Listing{std::string(Specs::kind), std::string(Specs::summary)}...};
}

void append_rate(std::string& text, const char* name, Flops rate) {
  if (rate > Flops{0.0}) {
    text += std::string(", ") + name + " " + text_of(rate);
  }
}

std::string summary_of(const GpuSpec& gpu) {
  std::string text = gpu.architecture.empty() ? "" : gpu.architecture + ", ";
  text += in_gib(gpu.memory) + " usable" + (gpu.memory_type.empty() ? "" : " " + gpu.memory_type) +
          " at " + text_of(gpu.memory_bandwidth);
  append_rate(text, "fp32", gpu.peak.fp32);
  append_rate(text, "fp16", gpu.peak.fp16);
  append_rate(text, "bf16", gpu.peak.bf16);
  append_rate(text, "int8", gpu.peak.int8);
  append_rate(text, "int4", gpu.peak.int4);
  return gpu.power > Power{0.0} ? text + ", " + text_of(gpu.power) : text;
}

std::string summary_of(const HardwareSpec& node) {
  std::string text = std::to_string(node.count) + " x " + node.gpu.name + ", ";
  text += std::visit([](const auto& link) { return std::string(link.kind); }, node.link);
  if (node.gpu.link_measured > Bandwidth{0.0}) {
    text += ", " + text_of(node.gpu.link_measured) + " to the host a GPU";
  }
  const double dollars = node.gpu.price_per_hour * static_cast<double>(node.count);
  return dollars > 0.0 ? text + ", " + text_of(dollars) + " dollars an hour" : text;
}

// "6.74 B" or "124 M" parameters.
std::string in_billions(std::int64_t count) {
  char text[40];
  const double billions = static_cast<double>(count) / 1e9;
  if (billions >= 1.0) {
    std::snprintf(text, sizeof text, "%.2f B", billions);
  } else {
    std::snprintf(text, sizeof text, "%.0f M", billions * 1e3);
  }
  return text;
}

std::string summary_of(const ModelSpec& model) {
  std::string text = in_billions(count_parameters(model).total()) + " parameters, " +
                     std::to_string(model.layers) + " layers, hidden " +
                     std::to_string(model.hidden) + ", " + std::to_string(model.heads) + " heads";
  if (model.key_value_heads() != model.heads) {
    text += " (" + std::to_string(model.key_value_heads()) + " of keys and values)";
  }
  text += ", vocabulary " + std::to_string(model.vocabulary);
  if (model.positions > 0) {
    text += ", context " + std::to_string(model.positions);
  }
  return model.kind == ModelKind::encoder ? text + ", an encoder" : text;
}

std::string summary_of(const EngineOverheads& overheads) {
  std::string text = text_of(overheads.step) + " a step, " + text_of(overheads.sequence) +
                     " a sequence, " + text_of(overheads.launch) + " a launch";
  if (overheads.prefill != 1.0) {
    const std::string& where = overheads.prefill_architecture;
    text += "; prefills at " + text_of(overheads.prefill) + " of the GPU's rates" +
            (where.empty() ? "" : " on " + where);
  }
  return text;
}

template <class T>
std::vector<Listing> listings(const std::vector<std::string>& names,
                              T (*preset)(std::string_view)) {
  std::vector<Listing> all;
  for (const std::string& name : names) {
    const T spec = preset(name);
    const std::string alias = spec.name == name ? "" : "alias of " + spec.name + ": ";
    all.push_back({name, alias + summary_of(spec)});
  }
  return all;
}

std::string_view summary_of(TraceFormat format) {
  switch (format) {
    case TraceFormat::automatic:
      return "told by the first line";
    case TraceFormat::vidur:
      return "CSV: arrived_at in seconds, num_prefill_tokens, num_decode_tokens";
    case TraceFormat::azure:
      return "CSV: TIMESTAMP, ContextTokens, GeneratedTokens (Azure's LLM inference traces)";
    case TraceFormat::burstgpt:
      return "CSV: Timestamp in seconds, Request tokens, Response tokens (BurstGPT)";
    case TraceFormat::mooncake:
      return "JSON lines: timestamp in milliseconds, input_length, output_length, hash_ids "
             "(Mooncake)";
  }
  return "";
}

}  // namespace

std::vector<Listing> list_gpus() {
  return listings(gpu_preset_names(), gpu_preset);
}

std::vector<Listing> list_nodes() {
  std::vector<Listing> all;
  for (const std::string& name : node_preset_names()) {
    all.push_back({name, summary_of(node_preset(name))});
  }
  return all;
}

std::vector<Listing> list_models() {
  return listings(model_preset_names(), model_preset);
}

std::vector<Listing> list_overheads() {
  return listings(overheads_preset_names(), overheads_preset);
}

std::vector<Listing> list_policies() {
  return kinds_of(As<PolicySpec>{});
}

std::vector<Listing> list_kv_managers() {
  return kinds_of(As<KvCacheSpec>{});
}

std::vector<Listing> list_allocators() {
  return kinds_of(As<AllocatorSpec>{});
}

std::vector<Listing> list_trace_formats() {
  std::vector<Listing> all;
  for (std::size_t i = 0; i < EnumNames<TraceFormat>::names.size(); ++i) {
    const auto format = static_cast<TraceFormat>(i);
    all.push_back({std::string(name_of(format)), std::string(summary_of(format))});
  }
  return all;
}

}  // namespace tessera
