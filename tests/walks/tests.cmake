# SPDX-License-Identifier: Apache-2.0
# Random walks against a flat model; long campaigns: ./dev walks --count N.
add_executable(walks ${CMAKE_CURRENT_LIST_DIR}/main.c
                     ${CMAKE_CURRENT_LIST_DIR}/model.c)
target_link_libraries(walks PRIVATE vtsim_flags vtsim_mmu)
set_target_properties(walks PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME walks COMMAND walks --count 2000000)
