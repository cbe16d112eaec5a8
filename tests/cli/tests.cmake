# SPDX-License-Identifier: Apache-2.0
set(cli ${CMAKE_CURRENT_SOURCE_DIR}/cli)
add_test(NAME cli.bad_input
         COMMAND python3 ${cli}/bad_input.py $<TARGET_FILE:vtsim>
                 ${CMAKE_BINARY_DIR})
add_test(NAME cli.behaviour
         COMMAND python3 ${cli}/behaviour.py $<TARGET_FILE:vtsim>
                 ${CMAKE_BINARY_DIR})
add_test(NAME cli.docs_current
         COMMAND bash ${cli}/docs_current.sh $<TARGET_FILE:vtsim>
                 ${CMAKE_SOURCE_DIR}/docs)
