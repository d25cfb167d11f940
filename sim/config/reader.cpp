#include "sim/config/reader.hpp"

#include <algorithm>

#include "sim/config/files.hpp"
#include "sim/config/hugging_face.hpp"
#include "sim/config/presets.hpp"
#include "tessera/config/load.hpp"

namespace tessera {
namespace {

// A name that is no preset has been reported, with its place, by the check of the structure.
template <class T, class Find>
void read_preset_into(const Node& mapping, T& out, const std::vector<std::string>& names,
                      Find find) {
  const Node* name = mapping.scalar_at("preset");
  if (name != nullptr && std::find(names.begin(), names.end(), name->text) != names.end()) {
    out = find(name->text);
  }
}

void read_hugging_face(const Node& file, ModelSpec& out, std::string_view path,
                       ReadContext context) {
  const std::string resolved = file_in(context.directory, file.text);
  try {
    Diagnostics notes;
    out = model_from_hugging_face(resolved, &notes);
    for (const Diagnostic& note : notes) {
      context.problems.pass_on(note);
    }
  } catch (const UnreadableFile&) {
    context.problems.unreadable(file.place, path,
                                prefix(file.place, path) + "cannot read " + in_quotes(resolved));
  } catch (const BadInput& bad) {
    for (const Diagnostic& diagnostic : bad.diagnostics()) {
      context.problems.error(diagnostic.place, path, diagnostic.message);
    }
  }
}

}  // namespace

void read_base(const Node& mapping, GpuSpec& out, std::string_view /*path*/,
               ReadContext /*context*/) {
  read_preset_into(mapping, out, gpu_preset_names(), gpu_preset);
}

void read_base(const Node& mapping, ModelSpec& out, std::string_view path, ReadContext context) {
  read_preset_into(mapping, out, model_preset_names(), model_preset);
  const Node* file = mapping.scalar_at("hugging_face");
  if (file != nullptr && !file->text.empty() && mapping.find("preset") == nullptr) {
    read_hugging_face(*file, out, path, context);
  }
}

void read_base(const Node& mapping, EngineOverheads& out, std::string_view /*path*/,
               ReadContext /*context*/) {
  read_preset_into(mapping, out, overheads_preset_names(), overheads_preset);
}

}  // namespace tessera
