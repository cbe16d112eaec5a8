/* SPDX-License-Identifier: Apache-2.0
 * Ways into the kernel and out: SYSCALL, exceptions and interrupts, the first
 * return of a new task, the stack switch, and copies that may fault.
 *
 * Each entry leaves a struct regs (pk.h) on the task's kernel stack.
 */
#define CPU_USER_RSP   %gs:0
#define CPU_KERNEL_RSP %gs:8
#define REGS_VECTOR    (15 * 8)
#define REGS_CS        (18 * 8)

    .macro push_registers
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    .endm

    .macro pop_registers
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    .endm

    .text
    .globl entry_syscall
    .balign 16
entry_syscall:
    swapgs
    movq %rsp, CPU_USER_RSP
    movq CPU_KERNEL_RSP, %rsp
    pushq $0x2b
    pushq CPU_USER_RSP
    pushq %r11
    pushq $0x33
    pushq %rcx
    pushq $0
    pushq %rax
    push_registers
    movq %rsp, %rdi
    call syscall_entry

return_to_user:
    /*
     * SYSRET restores RIP and RFLAGS from RCX and R11 alone, so it serves
     * only where those agree with the frame; RIP must be a user address,
     * or the fault would come in ring 0 with the user's stack.
     */
    movq 17 * 8(%rsp), %rcx
    cmpq %rcx, 11 * 8(%rsp)
    jne 1f
    movq 19 * 8(%rsp), %r11
    cmpq %r11, 6 * 8(%rsp)
    jne 1f
    testl $0x10100, %r11d /* RF, TF */
    jnz 1f
    shrq $47, %rcx
    jnz 1f
    pop_registers
    movq 5 * 8(%rsp), %rsp
    swapgs
    sysretq
1:  pop_registers
    swapgs
    addq $16, %rsp
    iretq

    /* Vector stubs, 16 bytes each. */
    .balign 16
    .globl entry_vectors
entry_vectors:
    .set vector, 0
    .rept 256
    .balign 16
    .if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) \
          || (vector == 21))
    pushq $0
    .endif
    pushq $vector
    jmp entry_trap
    .set vector, vector + 1
    .endr

    .balign 16
entry_trap:
    cld
    testb $3, 24(%rsp)
    jz 1f
    swapgs
1:  push_registers
    movq %rsp, %rdi
    call trap_entry
    testb $3, REGS_CS(%rsp)
    jnz return_to_user
    pop_registers
    addq $16, %rsp
    iretq

/* A new task begins here, switched to with its registers above. */
    .globl entry_new_task
entry_new_task:
    movq %rsp, %rdi
    call sched_new_task
    jmp return_to_user

/* void switch_stacks(u64 *save, u64 load) */
    .globl switch_stacks
switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/*
 * u64 user_copy(void *to, const void *from, u64 n): bytes not copied;
 * u64 user_clear(void *to, u64 n): bytes not cleared. A fault that cannot be
 * served continues at user_copy_failed, with the rest in RCX.
 */
    .globl user_copy, user_clear
    .globl user_copy_start, user_copy_end, user_copy_failed
user_copy:
    movq %rdx, %rcx
user_copy_start:
    rep movsb
    xorl %eax, %eax
    ret
user_clear:
    movq %rsi, %rcx
    xorl %eax, %eax
    rep stosb
user_copy_end:
    xorl %eax, %eax
    ret
user_copy_failed:
    movq %rcx, %rax
    ret
    .section .note.GNU-stack, "", @progbits
