/* SPDX-License-Identifier: Apache-2.0
 * Entry of the bare-metal guests: multiboot 1 (32-bit protected mode), to
 * long mode with 2 MiB identity pages, then guest_main(command line), whose
 * result goes to the debug-exit port.
 */
        .set MAGIC, 0x1BADB002
        .set FLAGS, 0x00010000          /* address fields are valid */

        .section .multiboot, "a"
        .balign 4
header: .long MAGIC
        .long FLAGS
        .long -(MAGIC + FLAGS)
        .long header                    /* header_addr */
        .long image_start               /* load_addr */
        .long image_end                 /* load_end_addr */
        .long bss_end                   /* bss_end_addr */
        .long start                     /* entry_addr */

        .code32
        .section .text.start, "ax"
        .globl start
start:  cli
        cld
        movl    $stack_top, %esp
        movl    %ebx, %ebp              /* multiboot information or 0 */
        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb

        /* PML4[0] -> PDPT; PDPT[0..3] -> 4 PDs; 2048 2 MiB pages. */
        movl    $pdpt + 3, pml4
        movl    $pd + 3, %eax
        movl    $pdpt, %edi
        movl    $4, %ecx
1:      movl    %eax, (%edi)
        addl    $0x1000, %eax
        addl    $8, %edi
        loop    1b
        movl    $0x83, %eax
        movl    $pd, %edi
        movl    $2048, %ecx
1:      movl    %eax, (%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        loop    1b

        movl    %cr4, %eax
        orl     $0x620, %eax            /* PAE, OSFXSR, OSXMMEXCPT */
        movl    %eax, %cr4
        movl    $pml4, %eax
        movl    %eax, %cr3
        movl    $0xC0000080, %ecx       /* IA32_EFER */
        rdmsr
        orl     $0x100, %eax            /* LME */
        wrmsr
        movl    %cr0, %eax
        andl    $~0x4, %eax             /* EM off */
        orl     $0x80000002, %eax       /* PG, MP */
        movl    %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $8, $long_mode

        .code64
long_mode:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        xorl    %edi, %edi
        testl   %ebp, %ebp
        jz      1f
        testb   $4, (%rbp)              /* flags: command line valid */
        jz      1f
        movl    16(%rbp), %edi
1:      call    guest_main
        movl    $0xF4, %edx             /* debug exit: (value << 1) | 1 */
        outl    %eax, %dx
2:      hlt
        jmp     2b

        .section .rodata
        .balign 8
gdt:    .quad   0
        .quad   0x00AF9B000000FFFF      /* 64-bit code */
        .quad   0x00CF93000000FFFF      /* data */
gdt_pointer:
        .word   23
        .long   gdt

        .section .bss
        .balign 4096
        .globl  pml4, pdpt, pd
pml4:   .skip   4096
pdpt:   .skip   4096
pd:     .skip   4 * 4096
stack:  .skip   65536
stack_top:
        .section .note.GNU-stack, "", @progbits
