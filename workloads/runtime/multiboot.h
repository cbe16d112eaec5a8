/* SPDX-License-Identifier: Apache-2.0
 * What a multiboot 1 loader hands over ("Multiboot Specification version
 * 0.6.96", Boot information format).
 */
#ifndef WORKLOADS_RUNTIME_MULTIBOOT_H
#define WORKLOADS_RUNTIME_MULTIBOOT_H

#include "workloads/runtime/types.h"

#define MULTIBOOT_LOADED  0x2badb002u
#define MULTIBOOT_CMDLINE (1u << 2)
#define MULTIBOOT_MODULES (1u << 3)
#define MULTIBOOT_MMAP    (1u << 6)

struct multiboot_info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline;
    u32 mods_count, mods_addr;
    u32 syms[4];
    u32 mmap_length, mmap_addr;
};

struct multiboot_module {
    u32 start, end, string, reserved;
};

struct multiboot_range {
    u32 size; /* of the rest of this entry */
    u64 addr, length;
    u32 type; /* 1: available RAM */
} __attribute__((packed));

#endif
