/* SPDX-License-Identifier: Apache-2.0
 * One x87 instruction on the host's own x87. Every path leaves the host's
 * register stack empty and its control word at the ABI's default.
 */
#include "cpu/x87.h"

static const uint16_t host_cw = 0x37f;

#define LOAD_NONE   ""
#define LOAD_A      "fldt %[a]\n\t"
#define LOAD_BA     "fldt %[b]\n\tfldt %[a]\n\t"
#define LOAD_ZERO_A "fldz\n\tfldt %[a]\n\t"
#define STORE_NONE  ""
#define STORE_R     "fstpt %[r]\n\t"
#define STORE_R_POP "fstpt %[r]\n\tfstp %%st(0)\n\t"
#define STORE_R_R2  "fstpt %[r]\n\tfstpt %[r2]\n\t"
#define POP         "fstp %%st(0)\n\t"
#define POP_POP     "fstp %%st(0)\n\tfstp %%st(0)\n\t"

#define OPERANDS                                                               \
    : [r] "+m"(h->r), [r2] "+m"(h->r2), [m] "+m"(h->m), [sw] "=m"(h->sw)       \
    : [a] "m"(h->a), [b] "m"(h->b), [cw] "m"(h->cw), [host] "m"(host_cw)

void x87_host_clear(void)
{
    __asm__ volatile("fnclex");
}

/* All exceptions masked. */
static void run_masked(struct x87_host *h, enum x87_host_op op)
{
    switch (op) {
#define X(name, load, insn, store)                                             \
    case HOST_##name:                                                          \
        __asm__ volatile(load insn "\n\tfnstsw %[sw]\n\t" store OPERANDS);     \
        break;
        X87_HOST_OPS(X)
#undef X
    case HOST_OPS: break;
    }
}

/*
 * Some exception unmasked, or the depth afterwards not known: the status is
 * read and cleared by instructions that do not wait, so nothing is delivered;
 * FNINIT drops what is left on the stack.
 */
static void run_any(struct x87_host *h, enum x87_host_op op)
{
    switch (op) {
#define X(name, load, insn, store)                                             \
    case HOST_##name:                                                          \
        __asm__ volatile(                                                      \
            "fnclex\n\t" load "fldcw %[cw]\n\t" insn                           \
            "\n\tfnstsw %[sw]\n\tfnclex\n\tfldcw %[host]\n\t" store            \
            "fninit" OPERANDS);                                                \
        break;
        X87_HOST_OPS(X)
#undef X
    case HOST_OPS: break;
    }
}

void x87_host_run(struct x87_host *h, enum x87_host_op op)
{
    bool masked = (h->cw & X87_EXCEPTIONS) == X87_EXCEPTIONS;
    if (UNLIKELY(!masked || op == HOST_PTAN || op == HOST_SINCOS)) {
        run_any(h, op);
        return;
    }
    if (h->cw == host_cw) {
        run_masked(h, op);
        return;
    }
    __asm__ volatile("fldcw %0" : : "m"(h->cw));
    run_masked(h, op);
    __asm__ volatile("fldcw %0" : : "m"(host_cw));
}
