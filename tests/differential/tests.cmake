# SPDX-License-Identifier: Apache-2.0
# The differential tester, and the same with planted defects.
set(differential ${CMAKE_CURRENT_SOURCE_DIR}/differential)
set(differential_sources)
foreach(part main report generate forms bytes values steer segments sequence
        x87 corpus minimise lengths images native sim compare)
  list(APPEND differential_sources ${differential}/${part}.c)
endforeach()

# Addresses in native.c are absolute, so these programs are not PIE; the
# harness itself is not part of the simulator and may have static state.
function(differential_program name)
  add_executable(${name} ${differential_sources})
  target_link_libraries(${name} PRIVATE vtsim_flags ${ARGN})
  target_compile_definitions(${name} PRIVATE
      DIFFERENTIAL_CORPUS="${differential}/corpus.txt")
  target_compile_options(${name} PRIVATE -fno-pie
                         -fno-sanitize=address,undefined)
  target_link_options(${name} PRIVATE -no-pie)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()
differential_program(differential vtsim_machine)

# Properties of source files are those of one folder.
set_source_files_properties(${avx_sources} PROPERTIES COMPILE_OPTIONS
                            "${avx_options}")

# The cpu and mmu rooms once more with the planted defects compiled in, under
# the undefined-behaviour sanitizer.
set(checked_options -O1 -fsanitize=undefined -fno-sanitize-recover=all)
get_target_property(mmu_sources vtsim_mmu SOURCES)
add_library(vtsim_mmu_planted STATIC ${mmu_sources})
target_compile_definitions(vtsim_mmu_planted PRIVATE VTSIM_PLANTS)
target_compile_options(vtsim_mmu_planted PRIVATE ${checked_options})
target_link_libraries(vtsim_mmu_planted PRIVATE vtsim_flags PUBLIC vtsim_base)
get_target_property(cpu_sources vtsim_cpu SOURCES)
list(FILTER cpu_sources EXCLUDE REGEX "TARGET_OBJECTS")
add_library(vtsim_cpu_planted STATIC ${cpu_sources} ${exec_sources})
target_compile_definitions(vtsim_cpu_planted PRIVATE VTSIM_PLANTS
                           VTSIM_NO_TAIL_CALLS ENGINE_TIMING=0)
target_compile_options(vtsim_cpu_planted PRIVATE ${checked_options})
target_link_libraries(vtsim_cpu_planted PRIVATE vtsim_flags
                      PUBLIC vtsim_timer vtsim_base
                      ${ZYDIS_LIBRARY})
target_link_options(vtsim_cpu_planted INTERFACE -fsanitize=undefined)
add_library(vtsim_exec_planted OBJECT ${exec_sources})
target_compile_definitions(vtsim_exec_planted PRIVATE VTSIM_PLANTS
                           VTSIM_NO_TAIL_CALLS ENGINE_TIMING=1)
target_compile_options(vtsim_exec_planted PRIVATE ${checked_options})
target_link_libraries(vtsim_exec_planted PRIVATE vtsim_flags)
target_sources(vtsim_cpu_planted PRIVATE $<TARGET_OBJECTS:vtsim_exec_planted>)

differential_program(differential_planted vtsim_cpu_planted vtsim_mmu_planted)
target_sources(differential_planted PRIVATE
               ${CMAKE_SOURCE_DIR}/sim/machine/config.c
               ${CMAKE_SOURCE_DIR}/sim/machine/param_table.c)

# Unit tests of what the differential tester cannot reach, planted.
set(planted_units debug legacy pku task v86 wait xsave)
set(planted_programs)
foreach(unit ${planted_units})
  add_executable(${unit}_planted ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_${unit}.c
                 ${CMAKE_SOURCE_DIR}/sim/machine/config.c
                 ${CMAKE_SOURCE_DIR}/sim/machine/param_table.c)
  target_link_libraries(${unit}_planted PRIVATE vtsim_flags vtsim_cpu_planted
                        vtsim_mmu_planted PkgConfig::CHECK)
  set_target_properties(${unit}_planted PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  list(APPEND planted_programs ${CMAKE_BINARY_DIR}/tests/${unit}_planted)
endforeach()

add_test(NAME differential.slice
         COMMAND differential --cases 1000000 --sequences 50000
                 --x87 150000 --random-bytes 50000 --seed 1
                 --require-hits 10)
set_tests_properties(differential.slice PROPERTIES PROCESSORS 2)
add_test(NAME differential.plants
         COMMAND bash ${differential}/plants.sh
                 ${CMAKE_BINARY_DIR}/tests/differential_planted
                 ${planted_programs})
set_tests_properties(differential.plants PROPERTIES PROCESSORS 2)
