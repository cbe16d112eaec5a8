# SPDX-License-Identifier: Apache-2.0
set(style ${CMAKE_CURRENT_SOURCE_DIR}/style)
add_test(NAME style.layers
         COMMAND python3 ${style}/check_layers.py ${CMAKE_SOURCE_DIR})
# The two symbols are SystemC's headers': iostream's initialiser and the check
# that header and library are of one version.
add_test(NAME style.globals
         COMMAND python3 ${style}/check_globals.py ${CMAKE_BINARY_DIR}
                 _ZStL8__ioinit _ZN7sc_coreL17api_version_checkE)
add_test(NAME style.words
         COMMAND python3 ${style}/check_words.py ${CMAKE_SOURCE_DIR})
add_test(NAME style.format COMMAND ${CMAKE_SOURCE_DIR}/dev format --check)
