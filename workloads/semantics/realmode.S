/* SPDX-License-Identifier: Apache-2.0
 * The ways into real, virtual-8086 and 16- and 32-bit protected mode and out
 * of them again, and the snippets of realmode.def. Entered by multiboot 1.
 */
#include "semantics/realmode.h"

        .set MAGIC, 0x1BADB002
        .set FLAGS, 0x00010000          /* address fields are valid */

        .section .multiboot, "a"
        .balign 4
header: .long MAGIC
        .long FLAGS
        .long -(MAGIC + FLAGS)
        .long header
        .long image_start
        .long image_end
        .long bss_end
        .long start

        .section .text.start, "ax"
        .code32
        .globl start
start:  cli
        cld
        movl    $stack_top, %esp
        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        call    guest_main
        movb    $0, %al
        outb    %al, $0xF4              /* debug exit */
        movw    $0x8900, %dx            /* other machines' */
        movl    $shutdown_word, %esi
        movl    $8, %ecx
        rep outsb
1:      hlt
        jmp     1b
shutdown_word: .ascii "Shutdown"

/* ------------------------------------------------ protected and v86 mode */

        .globl load_tables
load_tables:                            /* (GDT, IDT pseudo-descriptors) */
        movl    4(%esp), %eax
        lgdt    (%eax)
        movl    8(%esp), %eax
        lidt    (%eax)
        ljmp    $SEL_CODE, $1f
1:      movl    $SEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        ret

/* enter(struct entry *): registers, then IRET to whatever the frame says. */
        .globl enter
enter:  movl    4(%esp), %eax
        pushal
        movl    %esp, saved_esp
        movl    %eax, %esp
        movw    68(%esp), %ds
        movw    72(%esp), %es
        movw    76(%esp), %fs
        movw    80(%esp), %gs
        popal
        iretl

/* Every vector's entry: error code (0 when it has none), vector. */
        .balign 16
        .globl stubs
stubs:  .set    v, 0
        .rept   256
        .balign 16
        .if     v != 8 && (v < 10 || v > 14) && v != 17
        pushl   $0
        .endif
        pushl   $v
        jmp     common
        .set    v, v + 1
        .endr

common: movl    %eax, %ss:out + OUT_EAX
        movl    $0, %eax
        jmp     record

/* Entry of 16-bit gates: nothing is pushed, the vector is known. */
        .globl word_stub
word_stub:
        movl    %eax, %ss:out + OUT_EAX
        movl    $1, %eax
record: movl    %eax, %ss:out + OUT_WORDS
        movl    %ecx, %ss:out + OUT_ECX
        movl    %edx, %ss:out + OUT_EDX
        movl    %ebx, %ss:out + OUT_EBX
        movl    %ebp, %ss:out + OUT_EBP
        movl    %esi, %ss:out + OUT_ESI
        movl    %edi, %ss:out + OUT_EDI
        movl    %esp, %ss:out + OUT_ESP
        pushfl
        popl    %ss:out + OUT_HANDLER_FLAGS
        movl    %ds, %eax
        movl    %eax, %ss:out + OUT_SEGS
        movl    %es, %eax
        movl    %eax, %ss:out + OUT_SEGS + 4
        movl    %fs, %eax
        movl    %eax, %ss:out + OUT_SEGS + 8
        movl    %gs, %eax
        movl    %eax, %ss:out + OUT_SEGS + 12
        movl    $SEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %esp, %esi
        movl    $out + OUT_FRAME, %edi
        movl    $16, %ecx
        cld
        rep movsl
resume: movl    $SEL_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        movl    saved_esp, %esp
        pushl   $2
        popfl
        popal
        ret

/* -------------------------------------------------------------- real mode */

/* enter_real(): state from the block at `real_in`. */
        .globl enter_real
enter_real:
        pushal
        movl    %esp, saved_esp
        ljmp    $SEL_CODE16, $(leave_protected - low)
back:   movl    $SEL_DATA, %eax
        movl    %eax, %ds
        lidt    idt_pointer
        jmp     resume

/* Copied to LOW_BASE; its symbols are used as offsets in that segment. */
        .section .text.low, "ax"
        .code16
        .globl low, low_end
low:
leave_protected:
        movw    $SEL_DATA, %ax          /* limits of 4 GiB ... */
        cmpb    $0, %cs:(real_big - low)
        jne     1f
        movw    $SEL_DATA16, %ax        /* ... or of 64 KiB stay */
1:      movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    $SEL_DATA16, %ax
        movw    %ax, %ss
        movl    %cr0, %eax
        andb    $0xfe, %al
        movl    %eax, %cr0
        ljmp    $LOW_SEGMENT, $(1f - low)
1:      lidtl   %cs:(real_idt - low)
        movw    %cs, %ax
        movw    %ax, %ss
        movl    $(real_in - low), %esp
        popfl
        popal
        lssl    %cs:(real_stack - low), %esp
        movw    %cs:(real_ds - low), %ds
        movw    %cs:(real_es - low), %es
        movw    %cs:(real_fs - low), %fs
        movw    %cs:(real_gs - low), %gs
        ljmp    *%cs:(real_target - low)

        .balign 4
        .globl real_in, real_stack, real_ds, real_target, real_idt, real_out
        .globl real_big
real_in:
        .long   0                       /* EFLAGS */
        .fill   8, 4, 0                 /* EDI ... EAX */
real_stack: .long 0
        .word   0, 0
real_ds: .word  0
real_es: .word  0
real_fs: .word  0
real_gs: .word  0
real_target: .word 0, LOW_SEGMENT
real_idt: .word 0x3ff
        .long   0
real_big: .byte 0
        .balign 4
real_out:
        .fill   20, 4, 0
        .globl  real_gdt
real_gdt: .word 0
        .long   0
        .balign 16
        .fill   64, 4, 0
real_private_stack:

        .balign 16
        .globl  real_stubs
real_stubs:
        .set    v, 0
        .rept   256
        .balign 16
        movw    $v, %cs:(real_out - low + 0)
        jmp     real_common
        .set    v, v + 1
        .endr
real_common:
        movl    %eax, %cs:(real_out - low + OUT_EAX)
        movl    %ecx, %cs:(real_out - low + OUT_ECX)
        movl    %edx, %cs:(real_out - low + OUT_EDX)
        movl    %ebx, %cs:(real_out - low + OUT_EBX)
        movl    %ebp, %cs:(real_out - low + OUT_EBP)
        movl    %esi, %cs:(real_out - low + OUT_ESI)
        movl    %edi, %cs:(real_out - low + OUT_EDI)
        movl    %esp, %cs:(real_out - low + OUT_ESP)
        movw    %ds, %cs:(real_out - low + OUT_SEGS)
        movw    %es, %cs:(real_out - low + OUT_SEGS + 4)
        movw    %fs, %cs:(real_out - low + OUT_SEGS + 8)
        movw    %gs, %cs:(real_out - low + OUT_SEGS + 12)
        movw    %ss, %cs:(real_out - low + OUT_SS)
        movw    %cs, %ax
        movw    %ax, %ss
        movl    $(real_private_stack - low), %esp
        pushfl
        popl    %eax
        movl    %eax, %cs:(real_out - low + OUT_HANDLER_FLAGS)
        movl    %cr0, %eax
        movl    %eax, %cs:(real_out - low + OUT_CR0)
        orb     $1, %al
        lgdtl   %cs:(real_gdt - low)
        movl    %eax, %cr0
        ljmpl   $SEL_CODE, $back

/* Snippets; each ends in an interrupt, on a good stack. */
#define END_REAL  int $0x80;
#define END_BIG   int $0x80;
#define END_V86   int $0x80;
#define END_PM16  int $0x80;
#define END_PM32  int $0x80;
#define END_MEM   int $0x80;
#define END_FLAG  int $0x80;
#define END_PVI   int $0x80;
#define END_STACK mov %esp, %ebp; mov $0x1000, %sp; int $0x80;
#define SNIP(group, name, ...)                                                \
        .globl snip_##name; snip_##name: __VA_ARGS__; END_##group
#define SNIP32(group, name, ...)                                              \
        .code32; SNIP(group, name, __VA_ARGS__) .code16;
#include "semantics/realmode.def"
        .balign 16
low_end:

        .bss
        .balign 16
        .globl  saved_esp, out, idt_pointer
saved_esp: .space 4
        .balign 16
out:    .space  192
idt_pointer: .space 8
        .balign 16
        .space  16384
stack_top:
        .section .note.GNU-stack, "", @progbits
