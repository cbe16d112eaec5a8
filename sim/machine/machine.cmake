# SPDX-License-Identifier: Apache-2.0
# The presets become one constant table inside the program, so that it finds
# them from any folder.
file(GLOB preset_files CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/sim/machine/presets/*.yaml)
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/preset_data.c
  COMMAND ${CMAKE_COMMAND} "-DFILES=${preset_files}"
          -DOUT=${CMAKE_BINARY_DIR}/preset_data.c
          -P ${CMAKE_SOURCE_DIR}/cmake/embed_presets.cmake
  DEPENDS ${preset_files} ${CMAKE_SOURCE_DIR}/cmake/embed_presets.cmake
  VERBATIM)
target_sources(vtsim_machine PRIVATE ${CMAKE_BINARY_DIR}/preset_data.c)
target_link_libraries(vtsim_machine PUBLIC PkgConfig::FYAML)
target_compile_definitions(vtsim_machine PUBLIC
                           VTSIM_VERSION="${PROJECT_VERSION}")
