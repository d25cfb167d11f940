# Writes OUTPUT with the text of every YAML file below FOLDER, named "<subfolder>/<stem>".
file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*.yaml)
list(SORT files)
set(entries "")
foreach(file IN LISTS files)
  file(READ ${FOLDER}/${file} text)
  string(REGEX REPLACE "\\.yaml$" "" id ${file})
  string(APPEND entries "    {\"${id}\", R\"yaml(${text})yaml\"},\n")
endforeach()
file(WRITE ${OUTPUT}
"#include \"sim/config/embedded_presets.hpp\"

namespace tessera {

const std::vector<EmbeddedPreset>& embedded_presets() {
  static const std::vector<EmbeddedPreset> presets{
${entries}  };
  return presets;
}

}  // namespace tessera
")
