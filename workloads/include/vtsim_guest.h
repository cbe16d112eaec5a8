/* SPDX-License-Identifier: Apache-2.0
 * The contract between the loader and a monitor that runs one virtual
 * machine (microhv): constants and layouts only. The simulator's side keeps
 * its own transcription.
 *
 * START. The monitor is a multiboot 1 image with the address fields, entered
 * as that specification says, wherever in RAM below 4 GiB its one span lies:
 * its code finds out its address. The loader may so place it at the top of
 * RAM, with the guest already in the RAM that the guest will see, loaded as
 * if there were no monitor: guest-physical addresses are host-physical ones.
 * Then the monitor gets one module with the string "guest.params"; the
 * guest's memory map tells of the guest's RAM alone.
 *
 * Without that module, module 0 is a multiboot 1 kernel that the monitor
 * itself loads, the further modules are that kernel's, and the monitor moves
 * itself to the top of RAM first.
 *
 * PARAMETERS. A sequence of NUL-terminated "key=value" strings; numbers are
 * decimal; an unknown key is refused.
 *   mode=protected32|long64   state of the processor: 32-bit flat protected
 *                             mode without paging, or 64-bit mode with it
 *   rip= rsp= rax= rbx= rcx= rdx= rsi= rdi=   registers, default 0
 *   cr3=                      long64: root of the page tables
 *   gdt_base= gdt_limit= cs= ds=   descriptor table and its flat selectors
 *   ram_low=                  bytes of RAM from 0 up
 *   ram_high=                 bytes of RAM from 4 GiB up, default 0
 *   zeroed=1                  RAM that holds nothing is known to be zero: of
 *                             the monitor's, all behind its image and 64 KiB
 */
#ifndef VTSIM_WORKLOADS_INCLUDE_VTSIM_GUEST_H
#define VTSIM_WORKLOADS_INCLUDE_VTSIM_GUEST_H

#define VTSIM_GUEST_MODULE "guest.params"

/* RAM that the monitor may use from its first byte on, with the image. */
#define VTSIM_MONITOR_FIXED 0x1000000 /* 16 MiB */
#define VTSIM_MONITOR_SHIFT 5         /* and the guest's RAM >> this */

#endif
