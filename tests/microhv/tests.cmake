# SPDX-License-Identifier: Apache-2.0
# microhv: what runs natively gives the same output and status below it.
set(microhv_dir ${CMAKE_CURRENT_LIST_DIR})

# under_test(name options script names...): guest programs of tests/guests.
function(under_test name options script)
  add_test(NAME microhv.${name}
           COMMAND ${microhv_dir}/../guests/${script}
                   ${CMAKE_BINARY_DIR}/tests/microhv.${name}
                   ${microhv_dir}/../guests/vtsim_runner.sh ${ARGN})
  set_tests_properties(microhv.${name} PROPERTIES
    ENVIRONMENT
    "VTSIM=$<TARGET_FILE:vtsim>;VTSIM_OPTIONS=--under microhv:${options}"
    SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()

# The whole list takes as long again: run.sh without names.
under_test(programs_4k "ept=4k" run.sh
           exec fuzz hostile memory process signals sockets threads)
under_test(programs_2m "ept=2m --guest-page 2m" run.sh
           heap memory process stack exec)
under_test(programs_1g "ept=1g --memory 1G --timing off" run.sh
           memory signals vector)
under_test(programs_no_vpid "ept=4k,vpid=off" run.sh memory process threads)
under_test(programs_exits "ept=2m,apic=exit,io=exit,hlt=exit" run.sh
           process threads wait clock)
under_test(programs_shadow "paging=shadow" run.sh
           exec heap hostile memory process signals stack threads)
under_test(programs_shadow_2m "paging=shadow,vpid=off --guest-page 2m" run.sh
           heap memory process exec)
under_test(busybox "ept=2m" busybox.sh)
under_test(busybox_shadow "paging=shadow" busybox.sh)

add_test(NAME microhv.kernels
         COMMAND python3 ${microhv_dir}/kernels.py $<TARGET_FILE:vtsim>
                 ${CMAKE_BINARY_DIR})
# Another model of the processor runs it, too.
add_test(NAME microhv.bochs
         COMMAND python3 ${microhv_dir}/bochs.py ${CMAKE_BINARY_DIR}/microhv.elf
                 ${CMAKE_BINARY_DIR}/guests/hello.elf --options "ept=2m"
                 --expect "hello from the debug console")
add_test(NAME microhv.bochs_shadow
         COMMAND python3 ${microhv_dir}/bochs.py ${CMAKE_BINARY_DIR}/microhv.elf
                 ${CMAKE_BINARY_DIR}/guests/hello.elf --options "paging=shadow"
                 --expect "hello from the debug console")
set_tests_properties(microhv.bochs microhv.bochs_shadow PROPERTIES
                     SKIP_RETURN_CODE 77)
add_test(NAME microhv.stale
         COMMAND python3 ${microhv_dir}/stale.py $<TARGET_FILE:vtsim>
                 ${CMAKE_BINARY_DIR})
