/* SPDX-License-Identifier: Apache-2.0
 * From multiboot's 32-bit protected mode, at whatever address the image lies,
 * to 64-bit mode with the image in the top 2 GiB; moving the image; VM entry
 * and exit; the monitor's own exceptions.
 *
 * Mapped: the first 4 GiB at 0 and at DIRECT_BASE in 2 MiB pages (C code adds
 * the RAM above); the image at KERNEL_BASE + 1 MiB in 4 KiB pages.
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
    .long PHYS(start)

/* EDX: distance of the image from its link address. */
    .code32
    .globl start
start:
    cli
    cld
    movl %eax, %ebp
    movl %ebx, %esi
    /* A word of the information structure is the first stack. */
    movl 4(%ebx), %ecx
    leal 8(%ebx), %esp
    call 1f
1:  popl %edx
    movl %ecx, 4(%ebx)
    subl $PHYS(1b), %edx

    leal PHYS(boot_pd)(%edx), %edi
    movl $0x83, %eax /* present, writable, 2 MiB */
    movl $2048, %ecx
1:  cmpl $0xfec00000, %eax
    jb 2f
    orl $0x18, %eax /* device space: PCD, PWT */
2:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b

    leal (PHYS(boot_pd) + 3)(%edx), %eax
    leal PHYS(boot_pdpt)(%edx), %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b

    /* The image: 4 KiB pages 256 and up of two tables. */
    leal (PHYS(kernel_start) + 3)(%edx), %eax
    leal (PHYS(kernel_pt) + 256 * 8)(%edx), %edi
    movl $768, %ecx
1:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    leal (PHYS(kernel_pt) + 3)(%edx), %eax
    movl %eax, PHYS(kernel_pd)(%edx)
    addl $4096, %eax
    movl %eax, (PHYS(kernel_pd) + 8)(%edx)
    leal (PHYS(kernel_pd) + 3)(%edx), %eax
    movl %eax, (PHYS(kernel_pdpt) + 510 * 8)(%edx)
    leal (PHYS(boot_pdpt) + 3)(%edx), %eax
    movl %eax, PHYS(boot_pml4)(%edx)
    movl %eax, (PHYS(boot_pml4) + 256 * 8)(%edx)
    leal (PHYS(kernel_pdpt) + 3)(%edx), %eax
    movl %eax, (PHYS(boot_pml4) + 511 * 8)(%edx)

    leal PHYS(start_gdt)(%edx), %eax
    movl %eax, (PHYS(start_gdtr) + 2)(%edx)
    lgdt PHYS(start_gdtr)(%edx)
    movl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    leal PHYS(boot_pml4)(%edx), %eax
    movl %eax, %cr3
    movl %edx, %edi
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax /* LME, NXE */
    wrmsr
    movl $0x80010033, %eax /* PG WP NE ET MP PE */
    movl %eax, %cr0
    leal PHYS(start_stack_top)(%edi), %esp
    leal PHYS(start_64)(%edi), %eax
    pushl $0x10
    pushl %eax
    lret

    .code64
start_64:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl %edi, %edx
    addl $PHYS(kernel_start), %edx
    movl %ebp, %edi
    movl %esi, %esi
    movq $start_stack_top, %rsp
    xorl %ebp, %ebp
    movabsq $hv_main, %rax
    call *%rax
    ud2

    .text
/*
 * void move_image(u64 to, u64 distance): copy the image, stack and tables
 * included, to physical address RDI, make the copy's tables point to itself
 * (RSI: new less old address), and go on in it.
 */
    .globl move_image
move_image:
    movabsq $0xffff800000000000, %r8 /* DIRECT_BASE */
    movq %rsi, %rdx
    movq %rdi, %r9
    addq %r8, %rdi
    movq $kernel_start, %rsi
    movq $kernel_end, %rcx
    subq %rsi, %rcx
    movq %rdi, %r10
    rep movsb
    /* R10: the copy, by the linear map. */
    movq $kernel_start, %rax
    subq %rax, %r10
    addq %rdx, boot_pml4(%r10)
    addq %rdx, boot_pml4 + 256 * 8(%r10)
    addq %rdx, boot_pml4 + 511 * 8(%r10)
    addq %rdx, kernel_pdpt + 510 * 8(%r10)
    addq %rdx, kernel_pd(%r10)
    addq %rdx, kernel_pd + 8(%r10)
    movl $4, %ecx
    leaq boot_pdpt(%r10), %rax
1:  addq %rdx, (%rax)
    addq $8, %rax
    decl %ecx
    jnz 1b
    movl $768, %ecx
    leaq kernel_pt + 256 * 8(%r10), %rax
2:  addq %rdx, (%rax)
    addq $8, %rax
    decl %ecx
    jnz 2b
    movq $boot_pml4, %rax
    subq $kernel_start, %rax
    addq %r9, %rax
    movq %rax, %cr3
    ret

/*
 * int vm_enter(struct vcpu *): enter the guest with its registers, come back
 * at its next exit with 0, or with 1 when the entry instruction failed.
 * Offsets are those of struct vcpu (vcpu.h).
 */
#define GPR(n)    (8 * (n))(%rdi)
#define HOST_STACK 128
#define LAUNCHED   136
    .globl vm_enter, vm_exit_entry
vm_enter:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdi
    cmpq %rsp, HOST_STACK(%rdi)
    je 1f
    movq %rsp, HOST_STACK(%rdi)
    movl $0x6c14, %eax /* HOST_RSP */
    vmwrite %rsp, %rax
1:  cmpq $0, LAUNCHED(%rdi)
    movq GPR(0), %rax
    movq GPR(1), %rcx
    movq GPR(2), %rdx
    movq GPR(3), %rbx
    movq GPR(5), %rbp
    movq GPR(6), %rsi
    movq GPR(8), %r8
    movq GPR(9), %r9
    movq GPR(10), %r10
    movq GPR(11), %r11
    movq GPR(12), %r12
    movq GPR(13), %r13
    movq GPR(14), %r14
    movq GPR(15), %r15
    movq GPR(7), %rdi
    jne 2f
    vmlaunch
    jmp 3f
2:  vmresume
3:  movl $1, %eax
    popq %rdi
    jmp 4f
vm_exit_entry:
    pushq %rdi
    movq 8(%rsp), %rdi
    movq %rax, GPR(0)
    movq %rcx, GPR(1)
    movq %rdx, GPR(2)
    movq %rbx, GPR(3)
    movq %rbp, GPR(5)
    movq %rsi, GPR(6)
    movq %r8, GPR(8)
    movq %r9, GPR(9)
    movq %r10, GPR(10)
    movq %r11, GPR(11)
    movq %r12, GPR(12)
    movq %r13, GPR(13)
    movq %r14, GPR(14)
    movq %r15, GPR(15)
    popq GPR(7)
    movq $1, LAUNCHED(%rdi)
    popq %rdi
    xorl %eax, %eax
4:  popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

/* A non-maskable interrupt in the monitor is left to its next entry. */
    .globl host_nmi
host_nmi:
    movb $1, nmi_waits(%rip)
    iretq

/*
 * Accesses that may fault: u64 try_rdmsr(u32 msr, u64 *out) and
 * try_wrmsr(u32 msr, u64 v), try_xsetbv(u32 n, u64 v) give 0, or 1 when the
 * instruction faulted.
 */
    .globl try_rdmsr, try_wrmsr, try_xsetbv, try_failed
    .globl try_start, try_end
try_start:
try_rdmsr:
    movl %edi, %ecx
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, (%rsi)
    xorl %eax, %eax
    ret
try_wrmsr:
    movl %edi, %ecx
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
    wrmsr
    xorl %eax, %eax
    ret
try_xsetbv:
    movl %edi, %ecx
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
    xsetbv
    xorl %eax, %eax
    ret
try_end:
try_failed:
    movl $1, %eax
    ret

/* 32 entry points of 16 bytes. */
    .globl host_vectors
    .balign 16
host_vectors:
    .set n, 0
    .rept 32
    .balign 16
    .if (0x60227d00 >> n) & 1
    .else
    pushq $0
    .endif
    pushq $n
    jmp host_exception
    .set n, n + 1
    .endr

/* host_fault(vector, error, &frame) may change the RIP to return to. */
host_exception:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    movq 72(%rsp), %rdi
    movq 80(%rsp), %rsi
    leaq 88(%rsp), %rdx
    call host_fault
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

/* The bits of the descriptors that the processor would set are set. */
    .data
    .balign 8
    .globl start_gdt
start_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 0x08 32-bit code */
    .quad 0x00af9b000000ffff /* 0x10 64-bit code */
    .quad 0x00cf93000000ffff /* 0x18 data */
    .quad 0, 0               /* 0x20 TSS */
start_gdt_end:
start_gdtr:
    .word start_gdt_end - start_gdt - 1
    .quad 0

    .bss
    .balign 4096
    .globl boot_pml4, boot_pdpt
boot_pml4:   .skip 4096
boot_pdpt:   .skip 4096
boot_pd:     .skip 4 * 4096
kernel_pdpt: .skip 4096
kernel_pd:   .skip 4096
kernel_pt:   .skip 2 * 4096
    .skip 16384
    .globl start_stack_top
start_stack_top:
    .section .note.GNU-stack, "", @progbits
