# SPDX-License-Identifier: Apache-2.0
add_test(NAME timing.chase
         COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/timing/chase.py
                 --vtsim $<TARGET_FILE:vtsim> --preset skylake
                 --preset nehalem --preset zen3)
# Performance counters count a loop that is known, by both vendors' registers.
foreach(preset skylake nehalem zen3)
  add_test(NAME timing.counters.${preset}
           COMMAND $<TARGET_FILE:vtsim> run --preset ${preset} --quiet
                   ${CMAKE_BINARY_DIR}/guests/counters.elf)
  set_tests_properties(timing.counters.${preset} PROPERTIES
                       PASS_REGULAR_EXPRESSION "counters agree")
endforeach()
# The costs of VMX operations reproduce what is published of each part.
add_test(NAME timing.vmx_costs
         COMMAND python3 ${CMAKE_SOURCE_DIR}/bench/vmx_costs.py
                 --vtsim $<TARGET_FILE:vtsim>
                 --guest ${CMAKE_BINARY_DIR}/guests/vmxcost.elf)
