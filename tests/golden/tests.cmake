# SPDX-License-Identifier: Apache-2.0
# What guest tests of hardware semantics print, against stored outcomes.
set(image_options_realmode --set core.vme=true)
foreach(image privileged realmode tasks)
  foreach(timing off simple)
    add_test(NAME arch.${image}.${timing}
             COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/golden/compare.sh
                     ${CMAKE_CURRENT_SOURCE_DIR}/golden/${image}.txt
                     $<TARGET_FILE:vtsim> run --quiet --timing ${timing}
                     ${image_options_${image}}
                     ${CMAKE_BINARY_DIR}/guests/${image}.elf)
  endforeach()
endforeach()
