# SPDX-License-Identifier: Apache-2.0
# What guest tests of hardware semantics print, against stored outcomes.
foreach(timing off simple)
  add_test(NAME arch.privileged.${timing}
           COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/golden/compare.sh
                   ${CMAKE_CURRENT_SOURCE_DIR}/golden/privileged.txt
                   $<TARGET_FILE:vtsim> run --quiet --timing ${timing}
                   ${CMAKE_BINARY_DIR}/guests/privileged.elf)
  add_test(NAME arch.realmode.${timing}
           COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/golden/compare.sh
                   ${CMAKE_CURRENT_SOURCE_DIR}/golden/realmode.txt
                   $<TARGET_FILE:vtsim> run --quiet --timing ${timing}
                   --set core.vme=true
                   ${CMAKE_BINARY_DIR}/guests/realmode.elf)
endforeach()
