# SPDX-License-Identifier: Apache-2.0
# Builds the simulator twice more, so it takes both cores for a while.
add_test(NAME system.determinism
         COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/system/determinism.sh
                 ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
set_tests_properties(system.determinism PROPERTIES PROCESSORS 2 TIMEOUT 900)
