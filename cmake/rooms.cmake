# A room is a static library of sim/<name>/*.cpp with public headers in include/tessera/<name>/.
# Its link direction is its include direction.

add_library(tessera_warnings INTERFACE)
target_compile_options(tessera_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
  # g++ 12 sees overlaps that are not there when text is put before a std::string (GCC PR 105651).
  # It also takes members of aggregates with default initialisers for uninitialised at -O3
  # (GCC PR 105562).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)

add_library(tessera_options INTERFACE)
# Equal scenarios give equal bytes: no contraction of floating-point operations, no host's own tricks.
# No fused multiply-adds, so that every machine rounds alike; nobody asks errno about mathematics.
target_compile_options(tessera_options INTERFACE -ffp-contract=off -fno-math-errno)
if(TESSERA_SANITIZE)
  target_compile_options(tessera_options INTERFACE
    -fsanitize=${TESSERA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tessera_options INTERFACE -fsanitize=${TESSERA_SANITIZE})
endif()

add_library(tessera_all INTERFACE)
add_library(tessera::tessera ALIAS tessera_all)
set_target_properties(tessera_all PROPERTIES EXPORT_NAME tessera)

function(tessera_room name)
  cmake_parse_arguments(room "" "" "USES;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/sim/${name}/*.cpp)
  add_library(tessera_${name} STATIC ${sources})
  add_library(tessera::${name} ALIAS tessera_${name})
  set_target_properties(tessera_${name} PROPERTIES EXPORT_NAME ${name} LINKER_LANGUAGE CXX)
  target_include_directories(tessera_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_include_directories(tessera_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_features(tessera_${name} PUBLIC cxx_std_20)
  foreach(lower IN LISTS room_USES)
    target_link_libraries(tessera_${name} PUBLIC tessera_${lower})
  endforeach()
  target_link_libraries(tessera_${name} PRIVATE
    ${room_PRIVATE} $<BUILD_INTERFACE:tessera_warnings> $<BUILD_INTERFACE:tessera_options>)
  if(TESSERA_SANITIZE)
    target_link_options(tessera_${name} PUBLIC $<BUILD_INTERFACE:-fsanitize=${TESSERA_SANITIZE}>)
  endif()
  target_link_libraries(tessera_all INTERFACE tessera_${name})
  set_property(GLOBAL APPEND PROPERTY TESSERA_ROOMS tessera_${name})
endfunction()

# Presets are data files; the program carries them with it. Writes
# <build>/generated/presets/embedded_presets.cpp, which defines tessera::embedded_presets().
function(tessera_embed_presets name folder)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${folder}/*.yaml)
  set(generated ${PROJECT_BINARY_DIR}/generated/embedded_presets.cpp)
  add_custom_command(OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DOUTPUT=${generated}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed_presets.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed_presets.cmake
    COMMENT "Embedding presets")
  target_sources(tessera_${name} PRIVATE ${generated})
endfunction()

# The report's page: its own files and the chart library, which stay readable files here. Writes
# <build>/generated/web_assets.cpp, which defines tessera::web_assets().
function(tessera_embed_web name)
  set(folder ${PROJECT_SOURCE_DIR}/sim/${name}/web)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*)
  file(GLOB scripts CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/[0-9]*-*.js)
  list(SORT scripts)
  set(generated ${PROJECT_BINARY_DIR}/generated/web_assets.cpp)
  add_custom_command(OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DOUTPUT=${generated} "-DSCRIPTS=${scripts}"
            -P ${PROJECT_SOURCE_DIR}/cmake/embed_web.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed_web.cmake
    COMMENT "Embedding the report's page" VERBATIM)
  target_sources(tessera_${name} PRIVATE ${generated})
endfunction()

# tessera/core/version.hpp is written by hand; the values behind it come from git at build time.
function(tessera_version_header name)
  set(generated ${PROJECT_BINARY_DIR}/generated/version.cpp)
  add_custom_target(tessera_version_values
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
            -DOUTPUT=${generated} -P ${PROJECT_SOURCE_DIR}/cmake/version.cmake
    BYPRODUCTS ${generated})
  target_sources(tessera_${name} PRIVATE ${generated})
  add_dependencies(tessera_${name} tessera_version_values)
endfunction()

function(tessera_install)
  get_property(rooms GLOBAL PROPERTY TESSERA_ROOMS)
  install(TARGETS tessera_all ${rooms} EXPORT tessera_targets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(TARGETS tessera RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY include/tessera DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(DIRECTORY scenarios DESTINATION ${CMAKE_INSTALL_DATADIR}/tessera)
  install(EXPORT tessera_targets NAMESPACE tessera:: FILE tesseraTargets.cmake
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)
  configure_package_config_file(cmake/tesseraConfig.cmake.in
    ${PROJECT_BINARY_DIR}/tesseraConfig.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/tesseraConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/tesseraConfig.cmake
                ${PROJECT_BINARY_DIR}/tesseraConfigVersion.cmake
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)
endfunction()
