# SPDX-License-Identifier: Apache-2.0
# Random system-level cases against stored signatures, and the planted defects
# that they must find.
set(system_cases ${CMAKE_CURRENT_SOURCE_DIR}/system_cases)

# The simulator with planted defects: the cpu and mmu rooms of
# ../differential/tests.cmake, taken whole, so that nothing of the plain ones
# is linked.
add_executable(vtsim_planted ${CMAKE_SOURCE_DIR}/sim/cli/main.c
               ${CMAKE_SOURCE_DIR}/sim/machine/param_table.c)
target_compile_definitions(vtsim_planted PRIVATE VTSIM_PLANTS)
target_link_libraries(vtsim_planted PRIVATE vtsim_flags
  "$<LINK_LIBRARY:WHOLE_ARCHIVE,vtsim_cpu_planted,vtsim_mmu_planted>"
  vtsim_cli)
set_target_properties(vtsim_planted PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

foreach(timing off simple)
  add_test(NAME system_cases.golden.${timing}
           COMMAND bash ${system_cases}/golden.sh $<TARGET_FILE:vtsim>
                   ${CMAKE_BINARY_DIR}/guests/system_cases.elf ${timing})
endforeach()
add_test(NAME system_cases.plants
         COMMAND bash ${system_cases}/plants.sh
                 $<TARGET_FILE:vtsim_planted>
                 ${CMAKE_BINARY_DIR}/guests/system_cases.elf)
