# SPDX-License-Identifier: Apache-2.0
# pk.elf, the proxy kernel. Compiled by commands of its own: a freestanding
# kernel takes none of the flags (sanitizers, coverage) of the simulator.
set(pk_flags -std=gnu11 -O2 -g -ffreestanding -fno-stack-protector -fno-pic
    -fno-pie -mcmodel=kernel -mgeneral-regs-only -mno-red-zone -march=x86-64
    -fno-asynchronous-unwind-tables -fno-strict-aliasing
    -fno-delete-null-pointer-checks -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
    -Wall -Wextra -Wshadow -Wundef -Wvla -Wwrite-strings -Wpointer-arith
    -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wcast-qual -Werror
    -I${CMAKE_SOURCE_DIR})
file(GLOB pk_sources CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/workloads/runtime/*.[cS]
     ${CMAKE_SOURCE_DIR}/workloads/pk/*.[cS])
set(pk_objects)
foreach(source ${pk_sources})
  get_filename_component(name ${source} NAME)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/pk/${name}.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/pk
    COMMAND ${CMAKE_C_COMPILER} ${pk_flags} -MD -MF ${object}.d -c ${source}
            -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Building guest object pk/${name}.o"
    VERBATIM)
  list(APPEND pk_objects ${object})
endforeach()
set(pk_script ${CMAKE_SOURCE_DIR}/workloads/runtime/kernel.ld)
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/pk.elf
  COMMAND ${CMAKE_LINKER} -nostdlib -static -z max-page-size=4096
          -z noexecstack --no-warn-rwx-segments -T ${pk_script} ${pk_objects}
          -o ${CMAKE_BINARY_DIR}/pk.elf
  DEPENDS ${pk_objects} ${pk_script}
  COMMENT "Linking guest image pk.elf"
  VERBATIM)
add_custom_target(pk ALL DEPENDS ${CMAKE_BINARY_DIR}/pk.elf)
