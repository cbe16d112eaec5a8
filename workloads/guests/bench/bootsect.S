/* SPDX-License-Identifier: Apache-2.0
 * A boot sector for machine models that have a BIOS and no multiboot loader:
 * reads the image that follows it on the first hard disk to 1 MiB and enters
 * it in 32-bit protected mode with EBX = INFO, the boot information or 0.
 * SECTORS, ENTRY and INFO come from the command line of the assembler.
 */
        .code16
        .globl  boot
boot:   cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7C00, %sp
        sti
        movb    %dl, drive
        movw    $0x2401, %ax            /* A20 on */
        int     $0x15
next:   movw    $packet, %si
        movb    $0x42, %ah
        movb    drive, %dl
        int     $0x13
        jc      fail
        movw    $move, %si              /* copy 32 KiB up */
        movw    $0x4000, %cx
        movb    $0x87, %ah
        int     $0x15
        jc      fail
        addl    $64, packet_lba
        addl    $0x8000, destination
        movl    destination, %eax
        shrl    $16, %eax
        movw    destination, %ax
        movw    %ax, move_low
        movl    destination, %eax
        shrl    $16, %eax
        movb    %al, move_mid
        decw    chunks
        jnz     next

        cli
        lgdt    gdt_pointer
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmp    $8, $protected
fail:   movb    $'!', %al
        outb    %al, $0xE9
        hlt
        jmp     fail

        .code32
protected:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        movl    $0x2BADB002, %eax
        movl    $INFO, %ebx
        movl    $ENTRY, %ecx
        jmp     *%ecx

        .balign 4
packet: .byte   16, 0
        .word   64                      /* sectors */
        .word   0, 0x1000               /* to 0x10000 */
packet_lba:
        .long   1, 0
chunks: .word   (SECTORS + 63) / 64
destination:
        .long   0x100000
drive:  .byte   0
        .balign 8
move:   .quad   0, 0                    /* descriptors of INT 15h/87h */
        .word   0xFFFF, 0x0000
        .byte   0x01, 0x93
        .word   0
        .word   0xFFFF
move_low: .word 0x0000
move_mid: .byte 0x10, 0x93
        .word   0
        .quad   0, 0
gdt:    .quad   0
        .quad   0x00CF9B000000FFFF
        .quad   0x00CF93000000FFFF
gdt_pointer:
        .word   23
        .long   gdt
        .org    boot + 510
        .word   0xAA55
        .section .note.GNU-stack, "", @progbits
