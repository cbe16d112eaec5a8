/* SPDX-License-Identifier: Apache-2.0
 * From multiboot's 32-bit protected mode to long mode in the top 2 GiB, for
 * the first processor and for the others. The first calls
 * kernel_main(magic, physical address of the information structure), the
 * others kernel_ap_main() on the stack that boot_ap_stack names.
 *
 * Mapped on the way: the first 4 GiB at 0 and at DIRECT_BASE, the first GiB
 * at KERNEL_BASE, in 2 MiB pages; device space from 0xfec00000 uncached.
 */
#define KERNEL_BASE 0xffffffff80000000
#define PHYS(sym)   ((sym) - KERNEL_BASE)
#define HEADER_FLAGS 0x00010003 /* page-aligned modules, memory, addresses */

    .section .multiboot, "ax"
    .balign 4
header:
    .long 0x1badb002
    .long HEADER_FLAGS
    .long -(0x1badb002 + HEADER_FLAGS)
    .long PHYS(header)
    .long PHYS(kernel_start)
    .long PHYS(kernel_load_end)
    .long PHYS(kernel_end)
    .long PHYS(boot_entry)

    .code32
    .globl boot_entry
boot_entry:
    cli
    cld
    movl %eax, %ebp
    movl %ebx, %esi

    /* Four page directories cover 4 GiB. */
    movl $PHYS(boot_pd), %edi
    movl $0x83, %eax /* present, writable, 2 MiB */
    movl $2048, %ecx
1:  cmpl $0xfec00000, %eax
    jb 2f
    orl $0x18, %eax /* PCD, PWT */
2:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $PHYS(boot_pdpt), %edi
    movl $PHYS(boot_pd) + 3, %eax
    movl $4, %ecx
3:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    decl %ecx
    jnz 3b
    movl $PHYS(boot_pd) + 3, PHYS(boot_pdpt_top) + 510 * 8
    movl $PHYS(boot_pdpt) + 3, PHYS(boot_pml4)
    movl $PHYS(boot_pdpt) + 3, PHYS(boot_pml4) + 256 * 8
    movl $PHYS(boot_pdpt_top) + 3, PHYS(boot_pml4) + 511 * 8

    movl $PHYS(first_cpu_64), %ebx
    jmp enter_long_mode

/* EBX: physical address of 64-bit code; EBP, ESI, EDI are kept. */
enter_long_mode:
    lgdt PHYS(boot_gdtr)
    movl $0x20, %eax /* PAE */
    movl %eax, %cr4
    movl $PHYS(boot_pml4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax /* LME */
    wrmsr
    movl $0x80010033, %eax /* PG WP NE ET MP PE */
    movl %eax, %cr0
    ljmp $0x10, $PHYS(long_mode)

    .code64
long_mode:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    jmp *%rbx

first_cpu_64:
    movq $boot_stack_top, %rsp
    movl %ebp, %edi
    xorl %ebp, %ebp
    movabsq $kernel_main, %rax
    call *%rax
    ud2

ap_cpu_64:
    movq boot_ap_stack, %rsp
    xorl %ebp, %ebp
    movabsq $kernel_ap_main, %rax
    call *%rax
    ud2

/*
 * Copied to a page below 1 MiB. The first five bytes are MOV AX, 0 and a
 * short JMP in 16-bit code, but one MOV EAX, imm32 in 32-bit code, which so
 * falls through.
 */
    .section .rodata
    .globl boot_ap_code, boot_ap_code_end
    .balign 16
boot_ap_code:
    .byte 0xb8, 0, 0, 0xeb, ap_real - ap_flat
ap_flat:
    .code32
    movl $PHYS(ap_protected), %eax
    jmp *%eax
ap_real:
    .code16
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl ap_gdtr - boot_ap_code
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, $PHYS(ap_protected)
    .balign 4
ap_gdtr:
    .word boot_gdt_end - boot_gdt - 1
    .long PHYS(boot_gdt)
boot_ap_code_end:

    .text
    .code32
ap_protected:
    movw $0x18, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    cld
    movl $PHYS(ap_cpu_64), %ebx
    jmp enter_long_mode
    .code64

/* The accessed bits are set: the processor need not write here. */
    .data
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 0x08 32-bit code */
    .quad 0x00af9b000000ffff /* 0x10 64-bit code */
    .quad 0x00cf93000000ffff /* 0x18 data */
boot_gdt_end:
boot_gdtr:
    .word boot_gdt_end - boot_gdt - 1
    .quad PHYS(boot_gdt)
    .balign 8
    .globl boot_ap_stack
boot_ap_stack:
    .quad 0

    .bss
    .balign 4096
    .globl boot_pml4, boot_pdpt
boot_pml4:     .skip 4096
boot_pdpt:     .skip 4096
boot_pdpt_top: .skip 4096
boot_pd:       .skip 4 * 4096
    .globl boot_stack_top
    .skip 16384
boot_stack_top:
    .section .note.GNU-stack, "", @progbits
