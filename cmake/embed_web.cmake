# Writes OUTPUT with the files of the report's page in FOLDER.
function(literal name)
  set(pieces "")
  foreach(file IN LISTS ARGN)
    file(READ ${FOLDER}/${file} text)
    # A compiler need not take literals beyond 64 KiB: they are joined from pieces.
    string(LENGTH "${text}" length)
    set(at 0)
    while(at LESS length)
      string(SUBSTRING "${text}" ${at} 16000 piece)
      string(APPEND pieces "    R\"web(${piece})web\"\n")
      math(EXPR at "${at} + 16000")
    endwhile()
    string(APPEND pieces "    \"\\n\"\n")
  endforeach()
  set(definitions "${definitions}constexpr char ${name}[] =\n${pieces}    ;\n" PARENT_SCOPE)
endfunction()

set(definitions "")
literal(page report.html)
literal(styles uPlot.min.css report.css)
literal(scripts uPlot.iife.min.js ${SCRIPTS})
literal(licence uPlot.LICENSE)
file(WRITE ${OUTPUT}
"#include \"sim/report/web_assets.hpp\"

namespace tessera {
namespace {

${definitions}
}  // namespace

WebAssets web_assets() { return {page, styles, scripts, licence}; }

}  // namespace tessera
")
