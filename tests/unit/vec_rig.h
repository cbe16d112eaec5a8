/* SPDX-License-Identifier: Apache-2.0
 * The same instruction bytes on the simulated core and on the host, from the
 * same state: for tests of vector, MMX and x87 instructions.
 *
 * Code refers to memory as (%rbx), 640 bytes, and may use RAX, RCX, RDX and
 * RDI. A SIMD exception on the host ends the code (vec_host_xm); x87
 * exceptions are only recorded, since nothing that waits follows.
 */
#ifndef VTSIM_TESTS_UNIT_VEC_RIG_H
#define VTSIM_TESTS_UNIT_VEC_RIG_H

#include "cpu/fpu.h"
#include "cpu/state.h"
#include "cpu/x87.h"
#include "sim/base/rng.h"
#include "tests/unit/bare.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

/* ck_assert writes a message each time: too slow for every case. */
#define VEC_CHECK(x)                                                           \
    do {                                                                       \
        if (!(x))                                                              \
            ck_abort_msg("%s", #x);                                            \
    } while (0)

enum { VEC_MEMORY = 640, VEC_FLAGS = FLAG_ARITH };

/* What an instruction under test reads and writes. */
struct vec_state {
    _Alignas(16) uint8_t fx[512]; /* FXSAVE64 image */
    _Alignas(16) uint8_t hi[256]; /* bits 255:128 of YMM0 to YMM15 */
    uint64_t rax, rcx, rdx, rdi, flags;
    _Alignas(64) uint8_t memory[VEC_MEMORY];
    int vector; /* exception raised, -1 for none */
};

enum {
    FX_FCW = 0,
    FX_FSW = 2,
    FX_FTW = 4,
    FX_MXCSR = 24,
    FX_ST = 32,
    FX_XMM = 160
};

static inline uint32_t fx_get(const struct vec_state *s, unsigned at,
                              unsigned size)
{
    uint32_t v = 0;
    memcpy(&v, s->fx + at, size);
    return v;
}

static inline void fx_put(struct vec_state *s, unsigned at, unsigned size,
                          uint64_t v)
{
    memcpy(s->fx + at, &v, size);
}

/* --- the host --- */

struct vec_host_frame {                 /* what vec_host_call knows by offset */
    uint64_t rax, rcx, rdx, rdi, flags; /* 0 8 16 24 32 */
    uint64_t rbx, code, fx;             /* 40 48 56 */
    uint64_t rsp, hi;                   /* 64 72; hi 0: leave them alone */
};
void vec_host_call(struct vec_host_frame *f);
__asm__(".pushsection .text\n"
        ".globl vec_host_call\n"
        "vec_host_call:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rdi, %r12\n"
        "mov 56(%r12), %r13\n"
        "mov 72(%r12), %r14\n"
        "fxrstor64 (%r13)\n"
        "test %r14, %r14; jz 1f\n"
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "vinsertf128 $1, 16*\\n(%r14), %ymm\\n, %ymm\\n\n"
        ".endr\n"
        "1:\n"
        "mov 40(%r12), %rbx\n"
        "mov 8(%r12), %rcx\n"
        "mov 16(%r12), %rdx\n"
        "mov 24(%r12), %rdi\n"
        "pushq 32(%r12); popfq\n"
        "mov 0(%r12), %rax\n"
        "call *48(%r12)\n"
        "mov %rax, 0(%r12)\n"
        "pushfq; popq 32(%r12)\n"
        "mov %rcx, 8(%r12)\n"
        "mov %rdx, 16(%r12)\n"
        "mov %rdi, 24(%r12)\n"
        "fxsave64 (%r13)\n"
        "test %r14, %r14; jz 2f\n"
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "vextractf128 $1, %ymm\\n, 16*\\n(%r14)\n"
        ".endr\n"
        "vzeroupper\n"
        "2:\n"
        "fninit\n"
        "cld\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        ".popsection\n");

/* One test program runs one host at a time. */
static struct vec_host {
    uint8_t *code;
    sigjmp_buf back;
    uint8_t fx[512];
} vec_host;

static inline bool vec_host_avx(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") != 0;
}

static void vec_on_fpe(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    ucontext_t *u = context;
    memcpy(vec_host.fx, u->uc_mcontext.fpregs, 512);
    siglongjmp(vec_host.back, 1);
}

static inline void vec_host_create(void)
{
    vec_host.code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(vec_host.code, MAP_FAILED);
    struct sigaction a = {.sa_sigaction = vec_on_fpe,
                          .sa_flags = SA_SIGINFO | SA_NODEFER};
    ck_assert_int_eq(sigaction(SIGFPE, &a, NULL), 0);
}

static inline void vec_host_run(struct vec_state *s, const uint8_t *code,
                                size_t size)
{
    VEC_CHECK(size < 64);
    memcpy(vec_host.code, code, size);
    vec_host.code[size] = 0xc3;
    struct vec_host_frame f = {.rax = s->rax,
                               .rcx = s->rcx,
                               .rdx = s->rdx,
                               .rdi = s->rdi,
                               .flags = s->flags | 0x202,
                               .rbx = (uint64_t)(uintptr_t)s->memory,
                               .code = (uint64_t)(uintptr_t)vec_host.code,
                               .fx = (uint64_t)(uintptr_t)s->fx};
    if (vec_host_avx())
        f.hi = (uint64_t)(uintptr_t)s->hi;
    uint32_t mxcsr;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    s->vector = -1;
    if (sigsetjmp(vec_host.back, 0) == 0) {
        vec_host_call(&f);
        s->rax = f.rax;
        s->rcx = f.rcx;
        s->rdx = f.rdx;
        s->rdi = f.rdi;
        s->flags = f.flags;
    } else {
        s->vector = EXC_XM;
        memcpy(s->fx, vec_host.fx, 416);
        __asm__ volatile("fninit");
    }
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

/* --- the simulated core --- */

struct vec_rig {
    struct bare b;
    uint64_t next; /* where the next piece of code goes */
};

static inline void vec_create(struct vec_rig *r, const char *timing)
{
    bare_create(&r->b, timing, NULL);
    bare_start(&r->b, BARE_CODE_AT);
    struct cpu *c = r->b.cpu;
    c->cr0 |= 0x22; /* MP, NE */
    c->cr0 &= ~UINT64_C(0xc);
    c->cr4 |= 0x40600; /* OSFXSR, OSXMMEXCPT, OSXSAVE */
    c->xcr0 = 7;
    cpu_update_mode(c);
    r->next = BARE_CODE_AT;
}

/* Place code, ended by HLT; returns its address. */
static inline uint64_t vec_place(struct vec_rig *r, const uint8_t *code,
                                 size_t size)
{
    static const uint8_t hlt = 0xf4;
    uint64_t at = r->next;
    bare_load(&r->b, at, code, code + size);
    bare_load(&r->b, at + size, &hlt, &hlt + 1);
    r->next = (at + size + 64) & ~UINT64_C(63);
    ck_assert_uint_lt(r->next, BARE_STACK - 4096);
    return at;
}

static inline void vec_to_cpu(struct cpu *c, const struct vec_state *s)
{
    struct x87 *f = &c->x87;
    f->fcw = (uint16_t)fx_get(s, FX_FCW, 2);
    f->fsw = (uint16_t)fx_get(s, FX_FSW, 2);
    f->ftw = (uint8_t)fx_get(s, FX_FTW, 1);
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = x87_physical(f, i);
        f->st[n].u64[1] = 0;
        memcpy(f->st[n].u8, s->fx + FX_ST + 16 * i, 10);
    }
    for (unsigned i = 0; i < 16; i++)
        memcpy(c->v[i].u8, s->fx + FX_XMM + 16 * i, 16);
    for (unsigned i = 0; i < 16; i++)
        memcpy(c->v[i].u8 + 16, s->hi + 16 * i, 16);
    c->mxcsr = fx_get(s, FX_MXCSR, 4);
    c->gpr[REG_RAX] = s->rax;
    c->gpr[REG_RCX] = s->rcx;
    c->gpr[REG_RDX] = s->rdx;
    c->gpr[REG_RDI] = s->rdi;
    c->gpr[REG_RBX] = BARE_DATA;
    c->gpr[REG_RSP] = BARE_STACK;
    c->eflags = (uint32_t)s->flags | FLAG_ONE;
    c->cc_op = 0;
}

static inline void vec_from_cpu(struct cpu *c, struct vec_state *s)
{
    struct cpu_regs r;
    cpu_get_regs(c, &r);
    fx_put(s, FX_FCW, 2, r.x87.fcw);
    fx_put(s, FX_FSW, 2, r.x87.fsw);
    fx_put(s, FX_FTW, 1, r.x87.ftw);
    for (unsigned i = 0; i < 8; i++)
        memcpy(s->fx + FX_ST + 16 * i, r.x87.st[x87_physical(&r.x87, i)].u8,
               10);
    for (unsigned i = 0; i < 16; i++)
        memcpy(s->fx + FX_XMM + 16 * i, r.v[i].u8, 16);
    uint64_t beyond = 0; /* bits 511:256 */
    for (unsigned i = 0; i < 16; i++) {
        memcpy(s->hi + 16 * i, r.v[i].u8 + 16, 16);
        for (unsigned k = 4; k < 8; k++)
            beyond |= r.v[i].u64[k];
    }
    VEC_CHECK(beyond == 0);
    fx_put(s, FX_MXCSR, 4, r.mxcsr);
    s->rax = r.gpr[REG_RAX];
    s->rcx = r.gpr[REG_RCX];
    s->rdx = r.gpr[REG_RDX];
    s->rdi = r.gpr[REG_RDI];
    s->flags = r.rflags;
}

/* Run the code at `at`; false when it stopped elsewhere than at its HLT. */
static inline void vec_run(struct vec_rig *r, struct vec_state *s, uint64_t at,
                           size_t size)
{
    struct cpu *c = r->b.cpu;
    VEC_CHECK(
        memsys_write(r->b.memory, (hpa){BARE_DATA}, VEC_MEMORY, s->memory));
    vec_to_cpu(c, s);
    c->rip = at;
    c->activity = ACTIVITY_RUN;
    cpu_update_mode(c);
    VEC_CHECK(cpu_run(c, c->account.cycles + 100000) == CPU_STOP_HALT);
    s->vector =
        c->rip == at + size + 1 ? -1 : (int)((c->rip - 1 - BARE_HANDLERS) / 16);
    vec_from_cpu(c, s);
    VEC_CHECK(
        memsys_read(r->b.memory, (hpa){BARE_DATA}, VEC_MEMORY, s->memory));
}

/* --- operands --- */

static inline uint64_t vec_edge64(struct rng *g)
{
    static const uint64_t edge[] = {0,
                                    UINT64_C(0x8000000000000000),
                                    0x3ff0000000000000,
                                    UINT64_C(0xbff0000000000000),
                                    0x7ff0000000000000,
                                    UINT64_C(0xfff0000000000000),
                                    0x7ff8000000000001,
                                    0x7ff0000000000001,
                                    UINT64_C(0xfff8000000000000),
                                    1,
                                    0x000fffffffffffff,
                                    0x0010000000000000,
                                    0x7fefffffffffffff,
                                    0x41dfffffffc00000,
                                    UINT64_C(0xc1e0000000000000),
                                    0x43e0000000000000,
                                    0x3fe0000000000000,
                                    0x4008000000000000,
                                    0x38000000000fffff,
                                    0x36a0000000000000,
                                    0x47efffffe0000000,
                                    0x7fffffffffffffff,
                                    0x7f8000007f800001,
                                    0x8000000000000001,
                                    0x00800000807fffff,
                                    0x3f8000003f800000,
                                    0x7f7fffff00000001,
                                    0xff800000ffc00000,
                                    0x4b0000004f000000,
                                    0x0080000000800000,
                                    0x1f8000001f800000};
    return edge[rng_next(g) % (sizeof edge / sizeof edge[0])];
}

/* 64 bits: edges, floats and doubles of close exponents, anything. */
static inline uint64_t vec_value(struct rng *g)
{
    uint64_t r = rng_next(g), k = rng_next(g) % 16;
    if (k < 6)
        return vec_edge64(g);
    if (k < 9) /* double near 1 */
        return (r & UINT64_C(0x800fffffffffffff)) | (1013 + rng_next(g) % 20)
                                                        << 52;
    if (k < 11) /* two floats near 1 */
        return (r & UINT64_C(0x807fffff807fffff)) |
               (120 + rng_next(g) % 14) << 23 | (120 + rng_next(g) % 14) << 55;
    if (k < 12) /* small doubles */
        return (r & UINT64_C(0x801fffffffffffff)) >> rng_next(g) % 8;
    if (k < 13) /* bytes that match often */
        return r & UINT64_C(0x0103010301030103);
    if (k < 14)
        return rng_next(g) % 40;
    return r;
}

static inline void vec_random(struct vec_state *s, struct rng *g)
{
    memset(s, 0, sizeof *s);
    fx_put(s, FX_FCW, 2, 0x37f);
    fx_put(s, FX_MXCSR, 4, 0x1f80);
    for (unsigned i = 0; i < 32; i++)
        fx_put(s, FX_XMM + 8 * i, 8, vec_value(g));
    for (unsigned i = 0; i < 32; i++) {
        uint64_t v = vec_host_avx() ? vec_value(g) : 0;
        memcpy(s->hi + 8 * i, &v, 8);
    }
    for (unsigned i = 0; i < VEC_MEMORY / 8; i++) {
        uint64_t v = vec_value(g);
        memcpy(s->memory + 8 * i, &v, 8);
    }
    s->rax = vec_value(g);
    s->rcx = vec_value(g);
    s->rdx = vec_value(g);
    s->rdi = (uint64_t)(uintptr_t)0;
    s->flags = rng_next(g) & VEC_FLAGS;
}

/* --- comparing --- */

static inline void vec_print(const char *who, const struct vec_state *s)
{
    fprintf(stderr,
            "%s: vector %d rax %016llx rcx %016llx rdx %016llx flags %04x "
            "mxcsr %04x fcw %04x fsw %04x ftw %02x\n",
            who, s->vector, (unsigned long long)s->rax,
            (unsigned long long)s->rcx, (unsigned long long)s->rdx,
            (unsigned)s->flags & VEC_FLAGS, fx_get(s, FX_MXCSR, 4),
            fx_get(s, FX_FCW, 2), fx_get(s, FX_FSW, 2), fx_get(s, FX_FTW, 1));
    for (unsigned i = 0; i < 4; i++) {
        uint64_t v[4], st[2];
        memcpy(v, s->fx + FX_XMM + 16 * i, 16);
        memcpy(v + 2, s->hi + 16 * i, 16);
        memcpy(st, s->fx + FX_ST + 16 * i, 16);
        fprintf(stderr,
                "  ymm%u %016llx%016llx%016llx%016llx  st%u %04x%016llx\n", i,
                (unsigned long long)v[3], (unsigned long long)v[2],
                (unsigned long long)v[1], (unsigned long long)v[0], i,
                (unsigned)st[1] & 0xffff, (unsigned long long)st[0]);
    }
    uint64_t m[4];
    memcpy(m, s->memory, sizeof m);
    fprintf(stderr, "  mem  %016llx%016llx %016llx%016llx\n",
            (unsigned long long)m[1], (unsigned long long)m[0],
            (unsigned long long)m[3], (unsigned long long)m[2]);
}

/* fsw_mask: bits of FSW that are defined. */
static inline bool vec_equal(const struct vec_state *a,
                             const struct vec_state *b, uint32_t fsw_mask)
{
    if (a->vector != b->vector || a->rax != b->rax || a->rcx != b->rcx ||
        a->rdx != b->rdx || ((a->flags ^ b->flags) & VEC_FLAGS) != 0)
        return false;
    if (fx_get(a, FX_FCW, 2) != fx_get(b, FX_FCW, 2) ||
        ((fx_get(a, FX_FSW, 2) ^ fx_get(b, FX_FSW, 2)) & fsw_mask) != 0 ||
        fx_get(a, FX_FTW, 1) != fx_get(b, FX_FTW, 1) ||
        fx_get(a, FX_MXCSR, 4) != fx_get(b, FX_MXCSR, 4))
        return false;
    for (unsigned i = 0; i < 8; i++)
        if (memcmp(a->fx + FX_ST + 16 * i, b->fx + FX_ST + 16 * i, 10) != 0)
            return false;
    return memcmp(a->fx + FX_XMM, b->fx + FX_XMM, 256) == 0 &&
           memcmp(a->hi, b->hi, sizeof a->hi) == 0 &&
           memcmp(a->memory, b->memory, VEC_MEMORY) == 0;
}

#endif
