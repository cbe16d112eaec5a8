# SPDX-License-Identifier: Apache-2.0
set(style ${CMAKE_CURRENT_SOURCE_DIR}/style)
add_test(NAME style.layers
         COMMAND python3 ${style}/check_layers.py ${CMAKE_SOURCE_DIR})
add_test(NAME style.globals
         COMMAND python3 ${style}/check_globals.py ${CMAKE_BINARY_DIR})
add_test(NAME style.words
         COMMAND python3 ${style}/check_words.py ${CMAKE_SOURCE_DIR})
