#include "sim/cost/kernel_tables.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "sim/cost/number_csv.hpp"

namespace tessera {
namespace {

constexpr double seconds_a_millisecond = 1e-3;

std::string path_in(const std::string& directory, const FilePath& file) {
  const std::filesystem::path path(file.path);
  return path.is_absolute() || directory.empty()
             ? file.path
             : (std::filesystem::path(directory) / path).string();
}

struct LayerName {
  std::string_view name;
  Operation operation;
  Runs runs;
};

constexpr std::array<LayerName, 9> dense_layers{{
    {"embedding", Operation::embedding, Runs::once},
    {"layernorm", Operation::norm, Runs::each_norm_of_a_layer},
    {"final_layernorm", Operation::norm, Runs::once},
    {"qkv_proj", Operation::qkv_proj, Runs::each_layer},
    {"rotary_emb", Operation::rope, Runs::each_layer},
    {"o_proj", Operation::out_proj, Runs::each_layer},
    {"gate_up_proj", Operation::mlp_up, Runs::each_layer},
    {"act_fn", Operation::mlp_act, Runs::each_layer},
    {"down_proj", Operation::mlp_down, Runs::each_layer},
}};
constexpr std::array<LayerName, 2> sequence_layers{{
    {"lm_head", Operation::lm_head, Runs::once},
    {"sampler", Operation::sampler, Runs::once},
}};

// Nothing where the field is empty.
std::optional<double> time_in(const NumberCsv& table, std::size_t row, std::size_t column) {
  const auto time = table.number(row, column);
  if (time && !(*time > 0.0)) {
    throw BadInput(table.place(row),
                   "time_us needs a time above 0, not '" + table.text(row, column) + "'");
  }
  return time;
}

// Times by layer and one count.
std::vector<MeasuredKernel> read_layers(const std::string& path, std::string_view count,
                                        std::span<const LayerName> known) {
  const NumberCsv table(path);
  const std::size_t layer = table.column("layer");
  const std::size_t at = table.column(count);
  const std::size_t time = table.column("time_us");
  std::map<std::string, std::map<KernelGrid::Point, std::vector<double>>> times;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string& name = table.text(row, layer);
    const bool is_known = std::any_of(known.begin(), known.end(),
                                      [&](const auto& entry) { return entry.name == name; });
    if (!is_known) {
      throw BadInput(table.place(row), "there is no layer '" + name + "' in such a table");
    }
    if (const auto measured = time_in(table, row, time)) {
      times[name][{table.count(row, at)}].push_back(*measured);
    }
  }
  std::vector<MeasuredKernel> kernels;
  for (const LayerName& entry : known) {
    if (const auto found = times.find(std::string(entry.name)); found != times.end()) {
      kernels.push_back({entry.operation, entry.runs,
                         KernelGrid(path, found->first, {std::string(count)}, found->second)});
    }
  }
  return kernels;
}

void require(const std::vector<MeasuredKernel>& kernels, const std::string& path,
             std::initializer_list<Operation> operations) {
  for (const Operation operation : operations) {
    const bool measured = std::any_of(kernels.begin(), kernels.end(), [&](const auto& kernel) {
      return kernel.operation == operation;
    });
    if (!measured) {
      throw BadInput(Place{path, 0, 0},
                     "the table has no times of " + std::string(name_of(operation)));
    }
  }
}

MeasuredAttention read_attention(const std::string& path) {
  const NumberCsv table(path);
  const std::array<std::string, 4> names{"prefill_chunk", "kv_prefill", "n_decode", "kv_decode"};
  std::array<std::size_t, 4> columns{};
  std::transform(names.begin(), names.end(), columns.begin(),
                 [&](const std::string& name) { return table.column(name); });
  const std::size_t time = table.column("time_us");
  using Times = std::map<KernelGrid::Point, std::vector<double>>;
  Times prefill;
  Times decode;
  Times mixed;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto measured = time_in(table, row, time);
    if (!measured) {
      continue;
    }
    KernelGrid::Point point(4);
    std::transform(columns.begin(), columns.end(), point.begin(),
                   [&](std::size_t column) { return table.count(row, column); });
    if (point[0] == 0) {
      decode[{point[2], point[3]}].push_back(*measured);
    } else if (point[2] == 0) {
      prefill[{point[0], point[1]}].push_back(*measured);
    } else {
      mixed[point].push_back(*measured);
    }
  }
  MeasuredAttention attention;
  if (!prefill.empty()) {
    attention.prefill.emplace(path, "attention of a prefill",
                              std::vector<std::string>{names[0], names[1]}, prefill);
  }
  if (!decode.empty()) {
    attention.decode.emplace(path, "attention of decodes",
                             std::vector<std::string>{names[2], names[3]}, decode);
  }
  if (!mixed.empty()) {
    attention.mixed.emplace(path, "attention of a prefill and decodes",
                            std::vector<std::string>(names.begin(), names.end()), mixed);
  }
  return attention;
}

// Vidur's name of an operation, and how often our operation has it in a layer.
struct VidurName {
  std::string_view name;
  Operation operation;
  double times;
};
constexpr std::array<VidurName, 9> vidur_names{{
    {"emb", Operation::embedding, 1.0},
    {"input_layernorm", Operation::norm, 1.0},
    {"attn_pre_proj", Operation::qkv_proj, 1.0},
    {"attn_rope", Operation::rope, 1.0},
    {"attn_post_proj", Operation::out_proj, 1.0},
    {"mlp_up_proj", Operation::mlp_up, 1.0},
    {"mlp_act", Operation::mlp_act, 1.0},
    {"mlp_down_proj", Operation::mlp_down, 1.0},
    {"add", Operation::residual, 2.0},
}};

// One layer of one rank's share, as a row of Vidur's table describes it.
ModelSpec share_of(const NumberCsv& table, std::size_t row) {
  const auto count = [&](std::string_view name) {
    const std::int64_t value = table.count(row, table.column(name));
    if (value == 0) {
      throw BadInput(table.place(row), std::string(name) + " is above 0");
    }
    return value;
  };
  const std::int64_t degree = count("num_tensor_parallel_workers");
  const std::int64_t heads = count("n_head");
  ModelSpec layer;
  layer.name = "measured";
  layer.layers = 1;
  layer.hidden = count("n_embd");
  layer.head_size = layer.hidden / heads;
  layer.heads = std::max<std::int64_t>(1, heads / degree);
  layer.kv_heads = std::max<std::int64_t>(1, count("n_kv_head") / degree);
  layer.intermediate = count("n_expanded_embd") / degree;
  layer.vocabulary = count("vocab_size");
  const std::string& gated = table.text(row, table.column("use_gated_mlp"));
  layer.mlp = gated == "True" || gated == "true" || gated == "1" ? MlpKind::gated : MlpKind::plain;
  layer.norms_per_layer = 1;
  layer.final_norm = false;
  return layer;
}

bool is_of(const MeasuredShare& share, const ModelSpec& layer) {
  const ModelSpec& known = share.layer;
  return known.hidden == layer.hidden && known.heads == layer.heads &&
         known.kv_heads == layer.kv_heads && known.intermediate == layer.intermediate &&
         known.head_size == layer.head_size && known.mlp == layer.mlp;
}

std::vector<MeasuredShare> read_linear(const std::string& path) {
  const NumberCsv table(path);
  const std::size_t tokens = table.column("num_tokens");
  std::vector<std::optional<std::size_t>> columns;
  for (const VidurName& entry : vidur_names) {
    columns.push_back(table.find_column("time_stats." + std::string(entry.name) + ".median"));
  }
  std::vector<MeasuredShare> shares;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const ModelSpec layer = share_of(table, row);
    auto share = std::find_if(shares.begin(), shares.end(),
                              [&](const MeasuredShare& known) { return is_of(known, layer); });
    if (share == shares.end()) {
      shares.push_back({layer, {}});
      share = shares.end() - 1;
    }
    for (std::size_t i = 0; i < vidur_names.size(); ++i) {
      const auto time = columns[i] ? table.number(row, *columns[i]) : std::nullopt;
      if (time && *time > 0.0) {
        share->times[vidur_names[i].operation][table.count(row, tokens)].push_back(
            *time * seconds_a_millisecond * vidur_names[i].times);
      }
    }
  }
  return shares;
}

}  // namespace

std::shared_ptr<const KernelTables> read_kernel_tables(const ProfiledCostSpec& spec,
                                                       const std::string& directory) {
  if (!spec.dense && !spec.attention && !spec.per_sequence && !spec.linear) {
    throw BadInput(Place{"cost", 0, 0},
                   "a profiled cost model needs measured tables: dense, attention and "
                   "per_sequence, or linear");
  }
  if (spec.dense && spec.linear) {
    throw BadInput(Place{"cost", 0, 0}, "dense and linear measure the same operations; give one");
  }
  auto tables = std::make_shared<KernelTables>();
  if (spec.dense) {
    const std::string path = path_in(directory, *spec.dense);
    tables->dense = read_layers(path, "tokens", dense_layers);
    require(tables->dense, path,
            {Operation::qkv_proj, Operation::out_proj, Operation::mlp_up, Operation::mlp_down});
  }
  if (spec.per_sequence) {
    const std::string path = path_in(directory, *spec.per_sequence);
    tables->per_sequence = read_layers(path, "sequences", sequence_layers);
    require(tables->per_sequence, path, {Operation::lm_head, Operation::sampler});
  }
  if (spec.attention) {
    tables->attention = read_attention(path_in(directory, *spec.attention));
  }
  if (spec.linear) {
    tables->linear_file = path_in(directory, *spec.linear);
    tables->shares = read_linear(tables->linear_file);
  }
  return tables;
}

}  // namespace tessera
