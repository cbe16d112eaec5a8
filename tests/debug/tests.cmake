# SPDX-License-Identifier: Apache-2.0
# The GDB stub by a peer of our own and by GDB, and traces.
foreach(part protocol session trace)
  add_test(NAME debug.${part}
           COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/debug/${part}.py
                   $<TARGET_FILE:vtsim> ${CMAKE_BINARY_DIR})
endforeach()
