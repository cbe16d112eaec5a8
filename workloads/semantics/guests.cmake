# SPDX-License-Identifier: Apache-2.0
# Guest tests of hardware semantics: what they print is compared with a file
# of tests/golden/.
set(semantics ${CMAKE_CURRENT_SOURCE_DIR}/semantics)
bare_guest(privileged ${semantics}/privileged.c)
add_custom_command(OUTPUT ${guests_out}/privileged.elf APPEND
                   DEPENDS ${semantics}/privileged.def)

# Random system-level cases, and the same behind a boot sector.
file(GLOB system_sources CONFIGURE_DEPENDS ${semantics}/system/*.c
     ${semantics}/system/*.S)
bare_guest(system_cases ${system_sources})
add_custom_command(OUTPUT ${guests_out}/system_cases.elf APPEND
                   DEPENDS ${semantics}/system/world.h)
add_custom_command(
  OUTPUT ${guests_out}/system_cases.img
  COMMAND bash ${guests}/bench/make_disk.sh ${VTSIM_GUEST_CC}
          ${guests_out}/system_cases.elf ${guests}/bench/bootsect.S
          ${guests_out}/system_cases.img
  DEPENDS ${guests_out}/system_cases.elf ${guests}/bench/bootsect.S
          ${guests}/bench/make_disk.sh)
add_custom_target(guests_system_disk ALL DEPENDS ${guests_out}/system_cases.img)

# Real, virtual-8086 and 16- and 32-bit protected mode: a 32-bit image. Its
# disk, for machines with a BIOS, is built on demand.
set(realmode_sources ${semantics}/realmode.S ${semantics}/realmode.c)
set(realmode_deps ${realmode_sources} ${semantics}/realmode.def
    ${semantics}/realmode.h)
add_custom_command(
  OUTPUT ${guests_out}/realmode.elf
  COMMAND ${VTSIM_GUEST_CC} -m32 -march=i686 -mgeneral-regs-only -std=gnu11
          -O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector
          -fno-asynchronous-unwind-tables -fcf-protection=none
          -fno-tree-vectorize -Wall -Wextra -Werror -static -nostdlib -no-pie
          -Wl,--build-id=none -Wl,-z,max-page-size=4096
          -Wl,--no-warn-rwx-segments -I${CMAKE_SOURCE_DIR}/workloads
          -T ${guests}/boot/guest.ld ${realmode_sources}
          -o ${guests_out}/realmode.elf
  DEPENDS ${guests}/boot/guest.ld ${realmode_deps})
add_custom_target(guest_realmode ALL DEPENDS ${guests_out}/realmode.elf)
add_custom_command(
  OUTPUT ${guests_out}/realmode.img
  COMMAND bash ${guests}/bench/make_disk.sh ${VTSIM_GUEST_CC}
          ${guests_out}/realmode.elf ${guests}/bench/bootsect.S
          ${guests_out}/realmode.img
  DEPENDS ${guests_out}/realmode.elf ${guests}/bench/bootsect.S
          ${guests}/bench/make_disk.sh)
add_custom_target(guests_realmode_disk DEPENDS ${guests_out}/realmode.img)

# tasks: a 32-bit image with its own entry.
set(guest_flags_32 ${guest_flags} -m32 -march=i686 -mgeneral-regs-only)
list(REMOVE_ITEM guest_flags_32 -mcmodel=small)
add_custom_command(
  OUTPUT ${guests_out}/tasks.elf
  COMMAND ${VTSIM_GUEST_CC} ${guest_flags_32} -I${CMAKE_SOURCE_DIR}/workloads
          -T ${guests}/boot/guest.ld ${semantics}/tasks.c -o ${guests_out}/tasks.elf
  DEPENDS ${guests}/boot/guest.ld ${semantics}/tasks.c ${semantics}/tasks.def)
add_custom_target(guest_tasks ALL DEPENDS ${guests_out}/tasks.elf)

# Tests of VMX: build/semantics/<name>.elf for `vtsim regress`, and a disk on
# demand for machines with a BIOS.
set(semantics_out ${CMAKE_BINARY_DIR}/semantics)
file(MAKE_DIRECTORY ${semantics_out})
set(vmx_tests ${semantics}/vmx)
function(vmx_test name)
  set(out ${semantics_out}/${name}.elf)
  set(sources ${vmx_tests}/lib.c ${ARGN})
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${VTSIM_GUEST_CC} ${guest_flags} -mgeneral-regs-only
            -I${CMAKE_SOURCE_DIR}/workloads
            -T ${guests}/boot/guest.ld ${guests}/boot/start.S ${sources}
            -o ${out}
    DEPENDS ${guests}/boot/guest.ld ${guests}/boot/start.S ${sources}
            ${vmx_tests}/vmx.h)
  add_custom_command(
    OUTPUT ${semantics_out}/${name}.img
    COMMAND bash ${guests}/bench/make_disk.sh ${VTSIM_GUEST_CC} ${out}
            ${guests}/bench/bootsect.S ${semantics_out}/${name}.img
    DEPENDS ${out} ${guests}/bench/bootsect.S ${guests}/bench/make_disk.sh)
  add_custom_target(semantics_${name} ALL DEPENDS ${out})
  add_custom_target(semantics_${name}_disk DEPENDS ${semantics_out}/${name}.img)
endfunction()
vmx_test(vmx_exits ${vmx_tests}/exits.c)
configure_file(${vmx_tests}/exits.test ${semantics_out}/vmx_exits.test COPYONLY)
vmx_test(vmx_encodings ${vmx_tests}/encodings.c)
vmx_test(vmx_accesses ${vmx_tests}/accesses.c)
vmx_test(vmx_operation ${vmx_tests}/operation.c)
vmx_test(vmx_entries ${vmx_tests}/entries.c)
add_custom_command(OUTPUT ${semantics_out}/vmx_entries.elf APPEND
                   DEPENDS ${vmx_tests}/entries.def)
configure_file(${vmx_tests}/entries.test ${semantics_out}/vmx_entries.test
               COPYONLY)
vmx_test(vmx_functions ${vmx_tests}/functions.c)
vmx_test(vmx_ept ${vmx_tests}/ept.c)
vmx_test(vmx_timers ${vmx_tests}/timers.c)
foreach(name vmx_ept vmx_timers)
  configure_file(${vmx_tests}/entries.test ${semantics_out}/${name}.test
                 COPYONLY)
endforeach()
vmx_test(vmx_invalidate ${vmx_tests}/invalidate.c)
configure_file(${vmx_tests}/entries.test ${semantics_out}/vmx_invalidate.test
               COPYONLY)
vmx_test(vmx_interrupts ${vmx_tests}/interrupts.c)
configure_file(${vmx_tests}/entries.test ${semantics_out}/vmx_interrupts.test
               COPYONLY)
