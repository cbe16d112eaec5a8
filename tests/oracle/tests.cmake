# SPDX-License-Identifier: Apache-2.0
# The invalidation oracle on whole runs: each kind of missing invalidation.
add_test(NAME oracle
         COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/run.py
                 $<TARGET_FILE:vtsim> ${CMAKE_BINARY_DIR}/guests/microhv_probe.elf)
