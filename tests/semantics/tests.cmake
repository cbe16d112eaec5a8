# SPDX-License-Identifier: Apache-2.0
# The semantics suite, and the command that runs it.
add_test(NAME semantics.vmx
         COMMAND $<TARGET_FILE:vtsim> regress --jobs 2
                 ${CMAKE_BINARY_DIR}/semantics)
add_test(NAME semantics.regress
         COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/semantics/regress.py
                 $<TARGET_FILE:vtsim> ${CMAKE_BINARY_DIR})
add_test(NAME semantics.entry_rules
         COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/semantics/entry_rules.py
                 $<TARGET_FILE:vtsim> ${CMAKE_BINARY_DIR})
