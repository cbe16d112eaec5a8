# SPDX-License-Identifier: Apache-2.0
# Bare-metal guests of the benchmarks and tests.
set(guest_cc ${CMAKE_C_COMPILER})
set(guest_flags -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone
    -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
    -mcmodel=small -Wall -Wextra -Werror)
set(bench ${CMAKE_CURRENT_SOURCE_DIR}/guests/bench)
set(bench_elf ${CMAKE_BINARY_DIR}/guests/bench.elf)

file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/guests)
# gcc whatever compiles the simulator: the guest's instructions stay the same.
find_program(VTSIM_GUEST_CC NAMES gcc REQUIRED)
add_custom_command(
  OUTPUT ${bench_elf}
  COMMAND ${VTSIM_GUEST_CC} ${guest_flags} -fno-tree-vectorize
          -static -nostdlib -no-pie -Wl,--build-id=none
          -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments
          -T ${bench}/bench.ld ${bench}/start.S ${bench}/bench.c
          -o ${bench_elf}
  DEPENDS ${bench}/start.S ${bench}/bench.c ${bench}/bench.ld)

# The same image behind a boot sector, for models that only have a BIOS.
set(bench_disk ${CMAKE_BINARY_DIR}/guests/bench.img)
add_custom_command(
  OUTPUT ${bench_disk}
  COMMAND bash ${bench}/make_disk.sh ${VTSIM_GUEST_CC} ${bench_elf}
          ${bench}/bootsect.S ${bench_disk}
  DEPENDS ${bench_elf} ${bench}/bootsect.S ${bench}/make_disk.sh)
add_custom_target(guests_bench ALL DEPENDS ${bench_elf} ${bench_disk})
