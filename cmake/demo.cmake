# The demo: the batch-limit sweep of scenarios/demo.yaml, its table, its files, its pictures.
# As a build target, so that `cmake --workflow --preset demo` runs it; as a script (with PROGRAM,
# SOURCE and FOLDER), it does the work.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  add_custom_target(demo
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:tessera> -DSOURCE=${PROJECT_SOURCE_DIR}
            -DFOLDER=${PROJECT_BINARY_DIR}/demo -P ${PROJECT_SOURCE_DIR}/cmake/demo.cmake
    COMMENT "Sweeping the batch limit of a 7B model on a T4"
    USES_TERMINAL VERBATIM)
  add_dependencies(demo tessera)
  return()
endif()

file(REMOVE_RECURSE ${FOLDER})
execute_process(
  COMMAND ${PROGRAM} sweep ${SOURCE}/scenarios/demo.yaml -o ${FOLDER}
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the demo's sweep ended with status ${status}")
endif()

# Debian's interpreter by its path: another python3 on PATH may lack Debian's packages.
set(python /usr/bin/python3)
execute_process(COMMAND ${python} -c "import matplotlib, pandas"
  RESULT_VARIABLE missing OUTPUT_QUIET ERROR_QUIET)
if(NOT missing EQUAL 0)
  message("No pictures: ${python} lacks matplotlib or pandas "
          "(Debian: python3-matplotlib, python3-pandas).")
  return()
endif()
if(NOT EXISTS ${SOURCE}/analysis/plot.py)
  message("No pictures: ${SOURCE}/analysis/plot.py is not there.")
  return()
endif()
execute_process(COMMAND ${python} ${SOURCE}/analysis/plot.py ${FOLDER} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "drawing the pictures ended with status ${status}")
endif()
