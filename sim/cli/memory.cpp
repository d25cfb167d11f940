// tessera memory: what a model takes, by formula, without a run.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "sim/cli/notes.hpp"
#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"
#include "tessera/memory/forward_pass.hpp"
#include "tessera/memory/static_accounting.hpp"
#include "tessera/metrics/json_writer.hpp"

namespace tessera {
namespace {

constexpr std::int64_t most_sequences = 1 << 20;
constexpr std::int64_t most_tokens = 1 << 28;
constexpr std::int64_t most_devices = 1 << 16;

// A preset's name, or what a scenario may write at its place: a mapping. The card of that scenario
// is only there so that every model fits it.
ModelSpec named_model(const std::string& text) {
  if (text.find('{') == std::string::npos) {
    return model_preset(text);
  }
  const std::vector<Override> overrides{{"hardware.gpu", "{preset: h200, memory: 1000000 TB}"},
                                        {"engine.kv_cache", "{kind: paged, num_blocks: 100000}"},
                                        {"model", text}};
  const LoadedScenario loaded = ScenarioText::built_in().load(overrides);
  print_notes(loaded.notes);
  return loaded.scenario.model;
}

StaticAccountingRequest request_of(const GivenOptions& given, const ModelSpec& model,
                                   const PrecisionSpec& precision) {
  StaticAccountingRequest request{.model = model,
                                  .precision = precision,
                                  .shape = {},
                                  .gpu = std::nullopt,
                                  .tensor = std::nullopt};
  request.shape.batch = given.number("batch", 1, most_sequences).value_or(1);
  request.shape.prompt = Tokens{given.number("prompt", 1, most_tokens).value_or(512)};
  request.shape.output = Tokens{given.number("output", 1, most_tokens).value_or(32)};
  if (const auto gpu = given.text("gpu")) {
    request.gpu = gpu_preset(*gpu);
  }
  const auto tensor = given.number("tensor", 1, most_devices);
  if (given.has("training")) {
    request.tensor = tensor.value_or(1);
  } else if (tensor) {
    throw WrongUsage("--tensor divides the activations of training: it needs --training");
  }
  return request;
}

std::vector<MemoryAccount> accounts_of(const GivenOptions& given, const ModelSpec& model) {
  const PrecisionSpec precision{.weights = named(given, "weights", WeightFormat::fp16),
                                .kv_cache = named(given, "kv", KvFormat::fp16),
                                .compute = named(given, "compute", ComputeFormat::fp16)};
  auto accounts = static_accounts(request_of(given, model, precision));
  if (!accounts) {
    throw WrongUsage("so many sequences of so many tokens take more bytes than 64 bits count");
  }
  return *std::move(accounts);
}

// Without a model: the textbook's layers and the exact parameters of every preset.
std::vector<MemoryAccount> accounts_of_presets() {
  MemoryAccount all{"Parameters of every preset, at 2 bytes each", {}};
  for (const Listing& listing : list_models()) {
    if (listing.summary.starts_with("alias ")) {
      continue;
    }
    for (MemoryRow& row : parameter_account(model_preset(listing.name)).rows) {
      if (row.item == "textbook_layers" || row.item == "parameters") {
        row.item = listing.name + " " + row.item;
        all.rows.push_back(std::move(row));
      }
    }
  }
  return {all};
}

// One forward pass over b prompts of s tokens, and one over a token each after them.
MemoryAccount forward_account(const GivenOptions& given, const ModelSpec& model) {
  if (model.kind == ModelKind::encoder) {
    throw WrongUsage("--attention and --logits describe a decoder's pass; '" + model.name +
                     "' is an encoder");
  }
  const PrecisionSpec precision{.compute = named(given, "compute", ComputeFormat::fp16)};
  ForwardPass pass{.batch = given.number("batch", 1, most_sequences).value_or(1),
                   .new_tokens = Tokens{given.number("prompt", 1, most_tokens).value_or(512)},
                   .context = Tokens{0},
                   .attention = named(given, "attention", AttentionKernel::sdpa),
                   .logits = named(given, "logits", LogitsOf::last)};
  FormulaSymbols symbols;
  symbols.set("b", pass.batch).set("s", pass.new_tokens.count());
  const std::string how = std::string(name_of(pass.attention)) + " attention; logits of " +
                          (pass.logits == LogitsOf::all ? "all positions" : "the last position");
  MemoryAccount account{
      "A forward pass of Hugging Face through PyTorch's allocator, over what was there (" + how +
          ")",
      {}};
  const auto add = [&](const char* item, const char* formula, Bytes bytes) {
    account.rows.push_back({item, symbols.with_numbers(formula), bytes});
  };
  const ForwardMemory prefill = forward_memory(model, precision, pass);
  add("forward_prefill_peak", "peak(b*s new tokens)", prefill.peak);
  add("forward_prefill_held", "held(b*s new tokens)", prefill.held_after);
  pass.context = pass.new_tokens;
  pass.new_tokens = Tokens{1};
  pass.logits = LogitsOf::last;
  const ForwardMemory decode = forward_memory(model, precision, pass);
  add("forward_decode_peak", "peak(b*1 new tokens after b*s)", decode.peak);
  add("forward_decode_held", "held(b*1 new tokens after b*s)", decode.held_after);
  return account;
}

std::string bytes_of(const MemoryRow& row) {
  return row.bytes ? std::to_string(row.bytes->count()) : std::string();
}

std::string table_of(const MemoryAccount& account) {
  Table table;
  table.column("item", Align::left);
  for (const char* heading : {"bytes", "GiB", "GB"}) {
    table.column(heading, Align::right);
  }
  table.column("formula", Align::left);
  for (const MemoryRow& row : account.rows) {
    std::vector<std::string> cells{row.item, "", "", "", row.formula};
    if (row.bytes) {
      const auto count = static_cast<double>(row.bytes->count());
      cells[1] = grouped(row.bytes->count());
      cells[2] = fixed(count / static_cast<double>(std::int64_t{1} << 30), 3);
      cells[3] = fixed(count / 1e9, 3);
    }
    table.row(cells);
  }
  return account.title + "\n" + table.text();
}

void print_table(const std::vector<MemoryAccount>& accounts) {
  for (const MemoryAccount& account : accounts) {
    print((&account == accounts.data() ? "" : "\n") + table_of(account));
  }
}

// Formulas are arithmetic, and names hold no comma or quote: no cell needs quoting.
void print_csv(const std::vector<MemoryAccount>& accounts) {
  print("item,formula,bytes\n");
  for (const MemoryAccount& account : accounts) {
    for (const MemoryRow& row : account.rows) {
      print(row.item + "," + row.formula + "," + bytes_of(row) + "\n");
    }
  }
}

void print_json(const std::vector<MemoryAccount>& accounts) {
  JsonWriter json;
  for (const MemoryAccount& account : accounts) {
    for (const MemoryRow& row : account.rows) {
      json.open_object(row.item);
      json.string("formula", row.formula);
      json.value("bytes", bytes_of(row));
      json.close();
    }
  }
  print(json.finish());
}

void refuse_what_needs_a_model(const GivenOptions& given) {
  for (const char* option : {"batch", "prompt", "output", "weights", "kv", "compute", "gpu",
                             "training", "tensor", "attention", "logits"}) {
    if (given.has(option)) {
      throw WrongUsage(std::string("--") + option + " needs --model");
    }
  }
}

}  // namespace

VerbOptions memory_options() {
  VerbOptions options({
      .synopsis = "tessera memory [--model MODEL] [options]",
      .about = "Accounts for a model's memory without a run: parameters, weights in every format, "
               "KV cache, workspace,\nand training, each with its formula and the numbers in it. "
               "Without a model: the parameters of every\npreset.\n"
               "  b batch, s prompt, n output, l layers, h hidden, a heads, d head size, f MLP "
               "width, V vocabulary,\n  w embedding width, e bytes a number, r bytes of a token's "
               "keys in a layer, t devices a layer, P parameters",
      .examples = "  tessera memory --model gpt3-175b --batch 64 --prompt 512 --output 32\n"
                  "  tessera memory --model llama-7b --weights int8 --kv int8 --gpu t4 --format "
                  "csv\n"
                  "  tessera memory --model gpt3-175b --prompt 2048 --training --tensor 8\n"
                  "  tessera memory --model gpt2 --batch 4 --prompt 512 --attention sdpa --logits "
                  "last\n"
                  "  tessera memory --model '{hugging_face: path/to/config.json}' --batch 8\n",
  });
  options.value("model", "MODEL", "a preset's name, or a mapping as in a scenario")
      .value("batch", "N", "sequences (1)")
      .value("prompt", "N", "tokens of each prompt; in training, of each sequence (512)")
      .value("output", "N", "tokens that each sequence generates (32)")
      .value("weights", "FORMAT", "of the linear layers in inference (fp16)")
      .value("kv", "FORMAT", "of keys and values (fp16)")
      .value("compute", "FORMAT", "of activations in inference (fp16)")
      .value("attention", "KERNEL", "a Hugging Face forward pass with attention eager or sdpa")
      .value("logits", "POSITIONS", "a Hugging Face forward pass with logits of all or last")
      .value("gpu", "GPU", "what one such card has left")
      .flag("training", "optimiser states, gradients and activations too")
      .value("tensor", "N", "with --training: devices that share every layer (1)")
      .value("format", "FORMAT", "table, csv or json (table)");
  return options;
}

int memory_verb(const Invocation& invocation) {
  const auto given = memory_options().parse(invocation.arguments, {0, 0});
  if (!given) {
    return ExitStatus::done;
  }
  const auto format = named(*given, "format", OutputFormat::table);
  std::vector<MemoryAccount> accounts;
  if (const auto model = given->text("model")) {
    const ModelSpec described = named_model(*model);
    accounts = accounts_of(*given, described);
    if (given->has("attention") || given->has("logits")) {
      accounts.push_back(forward_account(*given, described));
    }
  } else {
    refuse_what_needs_a_model(*given);
    accounts = accounts_of_presets();
  }
  if (format == OutputFormat::csv) {
    print_csv(accounts);
  } else if (format == OutputFormat::json) {
    print_json(accounts);
  } else {
    print_table(accounts);
  }
  return ExitStatus::done;
}

}  // namespace tessera
