# SPDX-License-Identifier: Apache-2.0
# The table of VM-entry rules against a second statement of them.
set(vmx_rules ${CMAKE_CURRENT_SOURCE_DIR}/vmx_rules)
add_executable(vmx_rules ${vmx_rules}/main.c ${vmx_rules}/bases.c
               ${vmx_rules}/controls.c ${vmx_rules}/host.c
               ${vmx_rules}/guest.c ${vmx_rules}/guest_other.c)
target_link_libraries(vmx_rules PRIVATE vtsim_flags vtsim_machine)
set_target_properties(vmx_rules PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME vmx.rules COMMAND vmx_rules --count 1000000 --seed 1)
