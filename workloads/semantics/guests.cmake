# SPDX-License-Identifier: Apache-2.0
# Guest tests of hardware semantics: what they print is compared with a file
# of tests/golden/.
set(semantics ${CMAKE_CURRENT_SOURCE_DIR}/semantics)
bare_guest(privileged ${semantics}/privileged.c)
add_custom_command(OUTPUT ${guests_out}/privileged.elf APPEND
                   DEPENDS ${semantics}/privileged.def)
