# SPDX-License-Identifier: Apache-2.0
# Fuzz targets for what users give as files. They are compiled from the
# sources, with sanitizers of their own whatever the preset has.
set(fuzz ${CMAKE_CURRENT_SOURCE_DIR}/fuzz)
set(fuzz_machine ${CMAKE_SOURCE_DIR}/sim/machine)
set(fuzz_sources
    ${fuzz_machine}/acpi.c ${fuzz_machine}/memory_map.c
    ${fuzz_machine}/boot_info.c ${fuzz_machine}/config.c
    ${fuzz_machine}/config_file.c ${fuzz_machine}/elf_image.c
    ${fuzz_machine}/load.c ${fuzz_machine}/load_linux.c
    ${fuzz_machine}/multiboot.c ${fuzz_machine}/param_table.c
    ${fuzz_machine}/plan.c ${fuzz_machine}/yaml.c
    ${CMAKE_SOURCE_DIR}/sim/debug/rsp.c
    ${CMAKE_SOURCE_DIR}/sim/base/hostio.c ${CMAKE_SOURCE_DIR}/sim/base/param.c
    ${CMAKE_SOURCE_DIR}/sim/base/sha256.c ${CMAKE_SOURCE_DIR}/sim/base/status.c
    ${CMAKE_BINARY_DIR}/preset_data.c)
set_source_files_properties(${CMAKE_BINARY_DIR}/preset_data.c
                            PROPERTIES GENERATED TRUE)

add_library(fuzz_parts OBJECT ${fuzz_sources})
add_dependencies(fuzz_parts vtsim_machine) # which makes preset_data.c
target_link_libraries(fuzz_parts PRIVATE vtsim_flags PkgConfig::FYAML
                      PkgConfig::ELF)
foreach(target elf multiboot config rsp)
  if(VTSIM_FUZZ)
    add_executable(fuzz_${target} ${fuzz}/fuzz_${target}.c)
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${target} ${fuzz}/fuzz_${target}.c ${fuzz}/driver.c)
  endif()
  target_link_libraries(fuzz_${target} PRIVATE vtsim_flags fuzz_parts
                        PkgConfig::FYAML PkgConfig::ELF)
  target_sources(fuzz_${target} PRIVATE $<TARGET_OBJECTS:fuzz_parts>)
  set_target_properties(fuzz_${target} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME fuzz.${target} COMMAND fuzz_${target} -runs=5000 -seed=1)
  set_tests_properties(fuzz.${target} PROPERTIES TIMEOUT 120)
endforeach()
if(NOT CMAKE_C_FLAGS MATCHES "-fsanitize")
  foreach(target fuzz_parts fuzz_elf fuzz_multiboot fuzz_config fuzz_rsp)
    target_compile_options(${target} PRIVATE -O1 -fsanitize=address,undefined
                           -fno-sanitize-recover=all)
  endforeach()
  foreach(target fuzz_elf fuzz_multiboot fuzz_config fuzz_rsp)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endforeach()
endif()
