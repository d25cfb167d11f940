# tessera-mpi, where MPI and Boost.MPI are: sweeps on the processes of an MPI job. Nothing else needs
# either.
option(TESSERA_MPI "Build tessera-mpi where MPI and Boost.MPI are found" ON)
if(NOT TESSERA_MPI)
  return()
endif()
find_package(MPI QUIET COMPONENTS CXX)
find_package(Boost 1.81 QUIET OPTIONAL_COMPONENTS mpi serialization)
if(NOT MPI_CXX_FOUND OR NOT TARGET Boost::mpi)
  message(STATUS "tessera-mpi is left out: it needs MPI and Boost.MPI "
                 "(Debian: libboost-mpi1.81-dev, libopenmpi-dev, openmpi-bin)")
  return()
endif()
add_executable(tessera-mpi sim/mpi/main.cpp)
target_include_directories(tessera-mpi PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(tessera-mpi PRIVATE
  tessera_cli tessera_warnings tessera_options Boost::mpi Boost::serialization MPI::MPI_CXX)
set_target_properties(tessera-mpi PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
install(TARGETS tessera-mpi RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
