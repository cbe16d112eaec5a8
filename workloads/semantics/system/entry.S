/* SPDX-License-Identifier: Apache-2.0
 * Into a case and out of it again. run_long() starts it with IRETQ in IA-32e
 * mode, run_legacy() leaves that mode and starts it with IRETD; the stubs of
 * either kind of IDT fill `out`, bring the harness's state back and return.
 */
        .set S_IRET, 0x80
        .set S_CR0, 0xa8
        .set S_CR3, 0xb0
        .set S_CR4, 0xb8
        .set S_EFER, 0xc0
        .set S_DS, 0xc8
        .set S_GDT, 0xfe
        .set S_IDT, 0x10e
        .set O_FRAME, 0x80
        .set O_DS, 0xb8
        .set O_CR, 0xe8
        .set O_RAW, 0x120
        .set HOME_CR0, 0x80010033
        .set HOME_CR4, 0x620
        .set EFER, 0xC0000080

        .globl  setup, out, run_long, run_legacy, stub64_0, stub32_0
        .globl  double_fault
        .bss
        .balign 64
setup:  .skip   0x118
        .balign 64
out:    .skip   0x200
saved:  .skip   8
        .balign 16
        .skip   4096
legacy_stack:

        .text
        .code64
/* Tables and segments of the case; DS..GS hold what it finds. */
run_long:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, saved
        mov     setup+S_CR4, %rax
        mov     %rax, %cr4
        mov     setup+S_EFER, %rax
        xor     %edx, %edx
        mov     $EFER, %ecx
        wrmsr
        mov     setup+S_CR3, %rax
        mov     %rax, %cr3
        mov     setup+S_CR0, %rax
        mov     %rax, %cr0
        lgdt    setup+S_GDT
        lidt    setup+S_IDT
        mov     setup+S_DS+0x20, %eax
        lldt    %ax
        mov     setup+S_DS+0x28, %eax
        ltr     %ax
        mov     setup+S_DS, %eax
        mov     %eax, %ds
        mov     setup+S_DS+8, %eax
        mov     %eax, %es
        mov     setup+S_DS+0x10, %eax
        mov     %eax, %fs
        mov     setup+S_DS+0x18, %eax
        mov     %eax, %gs
        pushq   setup+S_IRET+0x20
        pushq   setup+S_IRET+0x18
        pushq   setup+S_IRET+0x10
        pushq   setup+S_IRET+8
        pushq   setup+S_IRET
        mov     setup+0x00, %rax
        mov     setup+0x08, %rcx
        mov     setup+0x10, %rdx
        mov     setup+0x18, %rbx
        mov     setup+0x28, %rbp
        mov     setup+0x30, %rsi
        mov     setup+0x38, %rdi
        mov     setup+0x40, %r8
        mov     setup+0x48, %r9
        mov     setup+0x50, %r10
        mov     setup+0x58, %r11
        mov     setup+0x60, %r12
        mov     setup+0x68, %r13
        mov     setup+0x70, %r14
        mov     setup+0x78, %r15
        iretq

        .balign 16
stub64_0:
        .set    v, 0
        .rept   256
        .balign 16
        .if v != 8 && (v < 10 || v > 14) && v != 17
        pushq   $0
        .endif
        pushq   $v
        jmp     common64
        .set    v, v + 1
        .endr

common64:
        mov     %rax, out+0x00
        mov     %rcx, out+0x08
        mov     %rdx, out+0x10
        mov     %rbx, out+0x18
        mov     %rbp, out+0x28
        mov     %rsi, out+0x30
        mov     %rdi, out+0x38
        mov     %r8, out+0x40
        mov     %r9, out+0x48
        mov     %r10, out+0x50
        mov     %r11, out+0x58
        mov     %r12, out+0x60
        mov     %r13, out+0x68
        mov     %r14, out+0x70
        mov     %r15, out+0x78
        popq    out+O_FRAME
        popq    out+O_FRAME+0x08
        popq    out+O_FRAME+0x10
        popq    out+O_FRAME+0x18
        popq    out+O_FRAME+0x20
        popq    out+O_FRAME+0x28
        popq    out+O_FRAME+0x30
        mov     %ds, %eax
        mov     %eax, out+O_DS
        mov     %es, %eax
        mov     %eax, out+O_DS+8
        mov     %fs, %eax
        mov     %eax, out+O_DS+0x10
        mov     %gs, %eax
        mov     %eax, out+O_DS+0x18
        sldt    %eax
        mov     %eax, out+O_DS+0x20
        str     %eax
        mov     %eax, out+O_DS+0x28
        mov     %cr0, %rax
        mov     %rax, out+O_CR
        mov     %cr2, %rax
        mov     %rax, out+O_CR+0x08
        mov     %cr3, %rax
        mov     %rax, out+O_CR+0x10
        mov     %cr4, %rax
        mov     %rax, out+O_CR+0x18
        mov     $EFER, %ecx
        rdmsr
        mov     %eax, out+O_CR+0x20
        mov     $HOME_CR0, %eax
        mov     %rax, %cr0
        mov     $HOME_CR4, %eax
        mov     %rax, %cr4
        mov     %dr6, %rax
        mov     %rax, out+O_CR+0x28
        mov     %dr7, %rax
        mov     %rax, out+O_CR+0x30
        mov     $0x400, %eax
        mov     %rax, %dr7
        mov     $0xffff0ff0, %eax
        mov     %rax, %dr6
home:   mov     home_cr3, %rax
        mov     %rax, %cr3
        lgdt    home_gdtr
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %rax, %cr2
        mov     saved, %rsp
        pushq   $2
        popfq
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

/* ------------------------------------------------------- protected mode */

run_legacy:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, saved
        lgdt    home_gdtr
        ljmp    *to_compat

        .code32
leave_long:
        mov     %cr0, %eax
        and     $0x7fffffff, %eax
        mov     %eax, %cr0
        mov     $EFER, %ecx
        mov     setup+S_EFER, %eax
        xor     %edx, %edx
        wrmsr
        mov     setup+S_CR4, %eax
        mov     %eax, %cr4
        mov     setup+S_CR3, %eax
        mov     %eax, %cr3
        mov     setup+S_CR0, %eax
        mov     %eax, %cr0
        lgdt    setup+S_GDT
        lidt    setup+S_IDT
        mov     $0x10, %eax
        mov     %eax, %ss
        mov     $legacy_stack, %esp
        mov     setup+S_DS+0x20, %eax
        lldt    %ax
        mov     setup+S_DS+0x28, %eax
        ltr     %ax
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     setup+S_DS, %ecx
        testl   $0x20000, setup+S_IRET+0x10
        jnz     6f
        mov     setup+S_DS+8, %eax
        mov     %eax, %es
        mov     setup+S_DS+0x10, %eax
        mov     %eax, %fs
        mov     setup+S_DS+0x18, %eax
        mov     %eax, %gs
6:      testl   $0x20000, setup+S_IRET+0x10
        jz      4f
        pushl   setup+S_DS+0x18         /* to virtual-8086 mode */
        pushl   setup+S_DS+0x10
        pushl   %ecx
        pushl   setup+S_DS+8
        mov     $0x10, %ecx
        jmp     5f
4:      testl   $3, setup+S_IRET+8
        jz      1f
5:      pushl   setup+S_IRET+0x20
        pushl   setup+S_IRET+0x18
1:      pushl   setup+S_IRET+0x10
        pushl   setup+S_IRET+8
        pushl   setup+S_IRET
        mov     setup+0x00, %eax
        mov     setup+0x10, %edx
        mov     setup+0x18, %ebx
        mov     setup+0x28, %ebp
        mov     setup+0x30, %esi
        mov     setup+0x38, %edi
        testl   $0x20000, setup+S_IRET+0x10
        jnz     2f
        testl   $3, setup+S_IRET+8
        jnz     2f
        /* The same level: IRETD keeps SS:ESP. The frame goes to the case's
         * stack, which is flat. */
        mov     %eax, legacy_eax
        mov     setup+S_IRET+0x18, %eax
        popl    -12(%eax)
        popl    -8(%eax)
        popl    -4(%eax)
        lea     -12(%eax), %esp
        mov     setup+S_IRET+0x20, %eax
        mov     %eax, %ss
        mov     legacy_eax, %eax
2:      push    setup+0x08
        mov     %ecx, %ds
        pop     %ecx
        iretl

        .balign 16
stub32_0:
        .set    v, 0
        .rept   256
        .balign 16
        .if v != 8 && (v < 10 || v > 14) && v != 17
        push    $0
        .endif
        push    $v
        jmp     common32
        .set    v, v + 1
        .endr

/* SS is what the processor pushed on; all else may be anything. */
common32:
        pushal
        mov     %ds, %ecx
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %ecx, out+O_DS
        mov     %es, %ecx
        mov     %ecx, out+O_DS+8
        mov     %fs, %ecx
        mov     %ecx, out+O_DS+0x10
        mov     %gs, %ecx
        mov     %ecx, out+O_DS+0x18
        sldt    %eax
        mov     %eax, out+O_DS+0x20
        str     %eax
        mov     %eax, out+O_DS+0x28
        mov     %ss, %ecx
        mov     %ecx, out+O_FRAME+0x30
        lar     %ecx, %eax
        mov     %esp, %esi
        test    $0x400000, %eax         /* B: a 32-bit stack pointer */
        jnz     1f
        movzwl  %si, %esi
1:      mov     %esi, out+O_FRAME+0x28
        /* No string instruction: the segment may end within. */
        mov     $0x10, %eax
        mov     %eax, %es
        xor     %edi, %edi
        lsl     %ecx, %edx
        mov     %ss, %ebx
        lar     %ebx, %eax
        and     $0xc00, %eax
        cmp     $0x400, %eax            /* expand-down: valid above */
        jne     2f
        mov     $-1, %edx
2:      lea     3(%esi,%edi,4), %eax
        cmp     %edx, %eax
        ja      3f
        mov     %ss:(%esi,%edi,4), %eax
        mov     %eax, out+O_RAW(,%edi,8)
        inc     %edi
        cmp     $20, %edi
        jne     2b
3:      jmp     leave_legacy

/* The task of #DF: what was interrupted is in the TSS that it came from. */
double_fault:
        popl    out+O_FRAME+8
        movl    $8, out+O_FRAME
        str     %eax
        mov     %eax, out+O_DS+0x28
leave_legacy:
        mov     %cr0, %eax
        mov     %eax, out+O_CR
        mov     %cr2, %eax
        mov     %eax, out+O_CR+0x08
        mov     %cr3, %eax
        mov     %eax, out+O_CR+0x10
        mov     %cr4, %eax
        mov     %eax, out+O_CR+0x18
        mov     %dr6, %eax
        mov     %eax, out+O_CR+0x28
        mov     %dr7, %eax
        mov     %eax, out+O_CR+0x30
        mov     $0x400, %eax
        mov     %eax, %dr7
        mov     $0xffff0ff0, %eax
        mov     %eax, %dr6
        /* Back to IA-32e mode. */
        mov     $0x10, %eax
        mov     %eax, %ss
        mov     $legacy_stack, %esp
        push    $2
        popfl
        mov     $0x33, %eax
        mov     %eax, %cr0
        lgdt    home_gdtr               /* no 16-bit TSS in IA-32e mode */
        movb    $0x89, home_tss+5
        mov     $0x20, %eax
        ltr     %ax
        mov     $EFER, %ecx
        rdmsr
        mov     %eax, out+O_CR+0x20
        mov     $0x500, %eax
        xor     %edx, %edx
        wrmsr
        mov     $HOME_CR4, %eax
        mov     %eax, %cr4
        mov     home_cr3, %eax
        mov     %eax, %cr3
        mov     $HOME_CR0, %eax
        mov     %eax, %cr0
        ljmp    $8, $home
        .code64

        .data
        .balign 8
        .globl  home_gdtr, home_cr3
home_gdtr:
        .word   39
        .quad   home_gdt
        .balign 8
home_cr3:
        .quad   0
home_gdt:
        .quad   0
        .quad   0x00AF9B000000FFFF
        .quad   0x00CF93000000FFFF
        .quad   0x00CF9B000000FFFF
home_tss:
        .quad   0x0000890000000067
to_compat:
        .long   leave_long
        .word   0x18
        .balign 4
legacy_eax:
        .long   0
        .section .note.GNU-stack, "", @progbits
