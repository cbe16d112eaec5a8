# SPDX-License-Identifier: Apache-2.0
# Bare-metal guests of the benchmarks and tests: build/guests/<name>.elf.
set(guests ${CMAKE_CURRENT_SOURCE_DIR}/guests)
set(guests_out ${CMAKE_BINARY_DIR}/guests)
file(MAKE_DIRECTORY ${guests_out})
set(guest_flags -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone
    -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
    -fno-tree-vectorize -mcmodel=small -Wall -Wextra -Werror
    -static -nostdlib -no-pie -Wl,--build-id=none
    -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments)

# gcc whatever compiles the simulator: the guest's instructions stay the same.
find_program(VTSIM_GUEST_CC NAMES gcc REQUIRED)

# bare_guest(name sources...): boots by multiboot 1 into guest_main.
function(bare_guest name)
  set(out ${guests_out}/${name}.elf)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${VTSIM_GUEST_CC} ${guest_flags} -I${CMAKE_SOURCE_DIR}
            -I${CMAKE_SOURCE_DIR}/workloads
            -T ${guests}/boot/guest.ld ${guests}/boot/start.S ${ARGN} -o ${out}
    DEPENDS ${guests}/boot/guest.ld ${guests}/boot/start.S ${ARGN})
  add_custom_target(guest_${name} ALL DEPENDS ${out})
endfunction()

bare_guest(bench ${guests}/bench/bench.c ${guests}/bench/vector.c)
bare_guest(chase ${guests}/chase/chase.c)
bare_guest(hello ${guests}/hello/hello.c)
bare_guest(ends ${guests}/ends/ends.c)
bare_guest(counters ${guests}/counters/counters.c)
bare_guest(debug ${guests}/debug/debug.c)
bare_guest(exits ${guests}/exits/exits.c)
bare_guest(vmxcost ${guests}/vmxcost/vmxcost.c ${guests}/vmxcost/enter.S)

# The benchmark behind a boot sector, for models that only have a BIOS.
add_custom_command(
  OUTPUT ${guests_out}/bench.img
  COMMAND bash ${guests}/bench/make_disk.sh ${VTSIM_GUEST_CC}
          ${guests_out}/bench.elf ${guests}/bench/bootsect.S
          ${guests_out}/bench.img
  DEPENDS ${guests_out}/bench.elf ${guests}/bench/bootsect.S
          ${guests}/bench/make_disk.sh)
add_custom_target(guests_bench_disk ALL DEPENDS ${guests_out}/bench.img)
