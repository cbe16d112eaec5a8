# SPDX-License-Identifier: Apache-2.0
# Random system-level cases against stored signatures.
set(system_cases ${CMAKE_CURRENT_SOURCE_DIR}/system_cases)

foreach(timing off simple)
  add_test(NAME system_cases.golden.${timing}
           COMMAND bash ${system_cases}/golden.sh $<TARGET_FILE:vtsim>
                   ${CMAKE_BINARY_DIR}/guests/system_cases.elf ${timing})
endforeach()
