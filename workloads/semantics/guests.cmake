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
