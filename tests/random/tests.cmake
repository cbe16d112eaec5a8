# SPDX-License-Identifier: Apache-2.0
add_executable(random_code ${CMAKE_CURRENT_SOURCE_DIR}/random/random_code.c
               ${CMAKE_CURRENT_SOURCE_DIR}/random/box.c)
target_link_libraries(random_code PRIVATE vtsim_flags vtsim_machine)
set_target_properties(random_code PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_executable(metamorphic ${CMAKE_CURRENT_SOURCE_DIR}/random/metamorphic.c
               ${CMAKE_CURRENT_SOURCE_DIR}/random/box.c)
target_link_libraries(metamorphic PRIVATE vtsim_flags vtsim_machine)
set_target_properties(metamorphic PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME random.metamorphic COMMAND metamorphic 200 1)

# The same under the undefined-behaviour sanitizer.
add_executable(random_code_checked
               ${CMAKE_CURRENT_SOURCE_DIR}/random/random_code.c
               ${CMAKE_CURRENT_SOURCE_DIR}/random/box.c
               ${CMAKE_SOURCE_DIR}/sim/machine/config.c
               ${CMAKE_SOURCE_DIR}/sim/machine/param_table.c)
target_link_libraries(random_code_checked PRIVATE vtsim_flags
                      vtsim_cpu_planted vtsim_mmu_planted)
set_target_properties(random_code_checked PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME random.code COMMAND random_code_checked 100000000 1)
set_tests_properties(random.code random.metamorphic PROPERTIES TIMEOUT 600)

# Random virtual machines, under the undefined-behaviour sanitizer.
add_executable(vmx_states ${CMAKE_CURRENT_SOURCE_DIR}/random/vmx_states.c
               ${CMAKE_CURRENT_SOURCE_DIR}/random/box.c
               ${CMAKE_SOURCE_DIR}/sim/machine/config.c
               ${CMAKE_SOURCE_DIR}/sim/machine/param_table.c)
target_link_libraries(vmx_states PRIVATE vtsim_flags vtsim_cpu_planted
                      vtsim_mmu_planted)
set_target_properties(vmx_states PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME random.vmx COMMAND vmx_states 30000 1)
set_tests_properties(random.vmx PROPERTIES TIMEOUT 300)
