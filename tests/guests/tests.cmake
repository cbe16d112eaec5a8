# SPDX-License-Identifier: Apache-2.0
# Unmodified static programs under pk: what they print and return must be
# what they print and return on the host.
set(guest_env "VTSIM=$<TARGET_FILE:vtsim>")
set(guest_dir ${CMAKE_CURRENT_LIST_DIR})

function(vtsim_guest_test name script options)
  add_test(NAME guests.${name}
           COMMAND ${guest_dir}/${script}
                   ${CMAKE_BINARY_DIR}/tests/guests.${name}
                   ${guest_dir}/vtsim_runner.sh ${ARGN})
  set_tests_properties(guests.${name} PROPERTIES
    ENVIRONMENT "${guest_env};VTSIM_OPTIONS=${options}"
    SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()

vtsim_guest_test(programs run.sh "")
vtsim_guest_test(programs_2m run.sh "--guest-page 2m"
                 heap memory process stack exec)
vtsim_guest_test(programs_fast run.sh "--timing off" float vector signals)
vtsim_guest_test(busybox busybox.sh "")
vtsim_guest_test(programs_smp run.sh "--cores 4"
                 threads process sockets wait exec extended umwait)
vtsim_guest_test(programs_quantum run.sh
                 "--cores 2 --set machine.quantum=1" threads)
