# SPDX-License-Identifier: Apache-2.0
# microhv.elf, the monitor. Freestanding as pk is, and built in the same way.
# MICROHV_PLANT names a planted defect (plant.h) for tests of the tests.
set(microhv_flags -std=gnu11 -O2 -g -ffreestanding -fno-stack-protector
    -fno-pic -fno-pie -mcmodel=kernel -mgeneral-regs-only -mno-red-zone
    -march=x86-64 -fcf-protection=none -fno-asynchronous-unwind-tables
    -fno-strict-aliasing -fno-delete-null-pointer-checks
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
    -Wall -Wextra -Wshadow -Wundef -Wvla -Wwrite-strings -Wpointer-arith
    -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wcast-qual -Werror
    -I${CMAKE_SOURCE_DIR})
file(GLOB microhv_sources CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/workloads/microhv/*.[cS])
list(APPEND microhv_sources ${CMAKE_SOURCE_DIR}/workloads/runtime/libc.c)
set(microhv_script ${CMAKE_SOURCE_DIR}/workloads/runtime/kernel.ld)

# microhv_image(OUTPUT PLANT SOURCES...): PLANT 0 is the monitor as it should
# be.
function(microhv_image output plant)
  get_filename_component(image ${output} NAME_WE)
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/${image})
  set(objects)
  foreach(source ${ARGN})
    get_filename_component(name ${source} NAME)
    set(object ${dir}/${name}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${dir}
      COMMAND ${CMAKE_C_COMPILER} ${microhv_flags} -DMICROHV_PLANT=${plant}
              -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "Building guest object ${image}/${name}.o"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_LINKER} -nostdlib -static -z max-page-size=4096
            -z noexecstack --no-warn-rwx-segments -T ${microhv_script}
            -e start ${objects} -o ${output}
    DEPENDS ${objects} ${microhv_script}
    COMMENT "Linking guest image ${image}.elf"
    VERBATIM)
endfunction()

microhv_image(${CMAKE_BINARY_DIR}/microhv.elf 0 ${microhv_sources})
add_custom_target(microhv ALL DEPENDS ${CMAKE_BINARY_DIR}/microhv.elf)

# The copy with planted defects that can be left out one by one.
set(probe_sources ${microhv_sources})
list(FILTER probe_sources EXCLUDE REGEX "/(load|run)\\.c$")
microhv_image(${guests_out}/microhv_probe.elf 0 ${probe_sources}
              ${CMAKE_SOURCE_DIR}/workloads/microhv/probe/probe.c)
add_custom_target(microhv_probe ALL DEPENDS ${guests_out}/microhv_probe.elf)

# Monitors with one defect of plant.h each.
foreach(plant RANGE 2 4)
  set(image ${guests_out}/microhv_plant${plant}.elf)
  microhv_image(${image} ${plant} ${microhv_sources})
  list(APPEND planted_images ${image})
endforeach()
add_custom_target(microhv_plants ALL DEPENDS ${planted_images})
