/* SPDX-License-Identifier: Apache-2.0
 * The monitor with the emptiest exit handler, and the guests it runs.
 */
        .set HOST_RSP, 0x6c14
        .set HOST_RIP, 0x6c16

        .text
/* int vm_run(uint64_t exits, int launch): enter the VM of the current VMCS
 * and come back at its exits-th exit, the others being resumed at once.
 * 0: an entry failed. */
        .globl  vm_run
vm_run: push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rdi, %r15
        mov     $HOST_RSP, %eax
        vmwrite %rsp, %rax
        mov     $HOST_RIP, %eax
        lea     exited(%rip), %rcx
        vmwrite %rcx, %rax
        test    %esi, %esi
        jz      1f
        vmlaunch
        jmp     failed
1:      vmresume
failed: xor     %eax, %eax
        jmp     2f

        .balign 64
exited: sub     $1, %r15
        jz      1f
        vmresume
        jmp     failed
1:      mov     $1, %eax
2:      pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

/* A guest that stays at its VMCALL: nobody moves its RIP on. */
        .balign 64
        .globl  guest_call
guest_call:
        vmcall
        hlt

/* A guest that switches its EPT pointer (VM function 0, entry 0) and leaves
 * the cycles of `switches` times in guest_cycles. R15 is the monitor's. */
        .balign 64
        .globl  guest_switch
guest_switch:
        mov     $2, %ebx                /* the second round is warm */
1:      rdtsc
        shl     $32, %rdx
        lea     (%rdx, %rax), %rsi
        xor     %eax, %eax
        xor     %ecx, %ecx
        .rept   64
        vmfunc
        .endr
        rdtsc
        shl     $32, %rdx
        add     %rdx, %rax
        sub     %rsi, %rax
        mov     %rax, guest_cycles
        dec     %ebx
        jnz     1b
        vmcall
        hlt

        .bss
        .balign 8
        .globl  guest_cycles
guest_cycles:
        .skip   8
        .section .note.GNU-stack, "", @progbits
