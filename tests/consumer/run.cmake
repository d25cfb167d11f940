# Installs BUILD into a folder of its own, builds the project beside this file against it with the
# same GENERATOR, and runs it.
set(work ${BUILD}/consumer_test)
file(REMOVE_RECURSE ${work})

function(must)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} ended with ${status}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

must(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/installed)
must(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${work}/build -DCMAKE_BUILD_TYPE=Release
     -DCMAKE_PREFIX_PATH=${work}/installed)
must(${CMAKE_COMMAND} --build ${work}/build)
must(${work}/build/consumer)
if(NOT output MATCHES "num_finished=20")
  message(FATAL_ERROR "the consumer printed: ${output}")
endif()
must(${work}/installed/bin/tessera --version)
