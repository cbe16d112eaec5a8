/* SPDX-License-Identifier: Apache-2.0
 * Rig of the tests that compare integer families and handlers with the host:
 * each form is translated from its bytes, run on random operands by the
 * handlers of both timing levels, and run by the host's processor on the same
 * operands. No engine and no MMU take part: the residency filter is filled by
 * hand.
 */
#ifndef VTSIM_TESTS_UNIT_INT_RIG_H
#define VTSIM_TESTS_UNIT_INT_RIG_H

#include "cpu/flags.h"
#include "cpu/xlat.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    CODE_SLOT = 15,
    GUEST = 0x10000, /* linear page of the memory operand */
    ROUNDS = 1500
};

/* Registers both sides start from and end with; rdi points at mem. */
struct state {
    uint64_t rax, rcx, rdx, rbx, rsi, flags;
    uint64_t mem[8];
};

/* Calls the slot's instruction with the state of rdi's argument. */
__asm__(".pushsection .rodata\n"
        "int_stub:\n"
        "push %rbx\npush %rbp\nmov %rdi, %rbp\n"
        "pushq 40(%rbp)\npopfq\n"
        "mov (%rbp), %rax\nmov 8(%rbp), %rcx\nmov 16(%rbp), %rdx\n"
        "mov 24(%rbp), %rbx\nmov 32(%rbp), %rsi\nlea 48(%rbp), %rdi\n"
        "int_stub_slot: .fill 15, 1, 0x90\n"
        "mov %rax, (%rbp)\nmov %rcx, 8(%rbp)\nmov %rdx, 16(%rbp)\n"
        "mov %rbx, 24(%rbp)\nmov %rsi, 32(%rbp)\n"
        "pushfq\npopq 40(%rbp)\ncld\npop %rbp\npop %rbx\nret\n"
        "int_stub_end:\n"
        ".popsection\n");
extern const uint8_t int_stub[], int_stub_slot[], int_stub_end[];

typedef void stub_fn(struct state *s);

struct form {
    uint8_t bytes[CODE_SLOT];
    unsigned n;
};

struct rig {
    struct cpu *c;
    uint8_t *code;
    struct uop op[32];
    ZydisDecoder decoder;
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    struct rng rng;
    uint8_t page[4096] __attribute__((aligned(4096)));
};

static inline const struct uop *stop(struct cpu *c, const struct uop *u)
{
    (void)c;
    (void)u;
    return NULL;
}

static inline struct rig *rig_make(void)
{
    struct rig *r = aligned_alloc(4096, (sizeof *r + 4095) & ~(size_t)4095);
    ck_assert_ptr_nonnull(r);
    memset(r, 0, sizeof *r);
    r->c = aligned_alloc(64, (sizeof *r->c + 63) & ~(size_t)63);
    memset(r->c, 0, sizeof *r->c);
    r->code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(r->code != MAP_FAILED);
    memcpy(r->code, int_stub, (size_t)(int_stub_end - int_stub));
    ZydisDecoderInit(&r->decoder, ZYDIS_MACHINE_MODE_LONG_64,
                     ZYDIS_STACK_WIDTH_64);
    r->rng = rng_make(20, 26);
    struct mmu_hot *h = &r->c->hot;
    for (unsigned i = 0; i < PFILTER_ENTRIES; i++)
        h->p[i].rtag = h->p[i].wtag = MMU_TAG_NONE;
    for (unsigned i = 0; i < DFILTER_ENTRIES; i++)
        h->d[i].rtag = h->d[i].wtag = MMU_TAG_NONE;
    struct pfilter_entry *p = &h->p[(GUEST >> PAGE_SHIFT) % PFILTER_ENTRIES];
    p->rtag = p->wtag = GUEST;
    p->addend = (uintptr_t)r->page - GUEST;
    for (uint64_t lin = GUEST; lin < GUEST + 4096; lin += 64) {
        struct dfilter_entry *e = &h->d[dfilter_index(lin)];
        e->rtag = e->wtag = lin;
        e->addend = p->addend;
    }
    return r;
}

static inline void rig_free(struct rig *r)
{
    munmap(r->code, 4096);
    free(r->c);
    free(r);
}

/* Numbers whose carries and signs are at the edges, half of the time. */
static inline uint64_t operand(struct rng *g)
{
    static const uint64_t edge[] = {
        0,
        1,
        2,
        3,
        7,
        8,
        9,
        15,
        16,
        17,
        31,
        32,
        33,
        63,
        64,
        65,
        0x7f,
        0x80,
        0x81,
        0xff,
        0x100,
        0x7fff,
        0x8000,
        0xffff,
        0x10000,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        INT64_MAX,
        UINT64_C(1) << 63,
        UINT64_MAX,
        UINT64_MAX - 1,
    };
    uint64_t x = rng_next(g), v = rng_next(g);
    switch (x & 3) {
    case 0: return edge[(x >> 8) % (sizeof edge / sizeof edge[0])];
    case 1: return v >> ((x >> 8) & 63);
    default: return v;
    }
}

static inline void decode(struct rig *r, const struct form *f)
{
    ZyanStatus st =
        ZydisDecoderDecodeFull(&r->decoder, f->bytes, f->n, &r->zi, r->zo);
    ck_assert_msg(ZYAN_SUCCESS(st) && r->zi.length == f->n,
                  "form %02x %02x %02x", f->bytes[0], f->bytes[1], f->bytes[2]);
}

/* Translate what was decoded to uops from number `at` on; returns the
 * number of the uop that stops. */
static inline unsigned translate(struct rig *r, unsigned at, unsigned timing,
                                 bool dead)
{
    struct cpu *c = r->c;
    c->config.timing = timing ? TIMING_SIMPLE : TIMING_OFF;
    c->mode = MODE_LONG | MODE_PROT | MODE_LMA | MODE_FLAT | 3;
    struct xlat x = {.c = c,
                     .mode = c->mode,
                     .zi = &r->zi,
                     .zo = r->zo,
                     .op = r->op,
                     .count = at,
                     .flags_dead = dead};
    ck_assert(insn_rows[r->zi.mnemonic].fn(&x));
    ck_assert_uint_gt(x.count, at);
    r->op[x.count] = (struct uop){.fn = stop};
    return x.count;
}

static inline void run_ours(struct rig *r, struct state *s)
{
    struct cpu *c = r->c;
    c->gpr[REG_RAX] = s->rax;
    c->gpr[REG_RCX] = s->rcx;
    c->gpr[REG_RDX] = s->rdx;
    c->gpr[REG_RBX] = s->rbx;
    c->gpr[REG_RSI] = s->rsi;
    c->gpr[REG_RDI] = GUEST;
    c->cc_op = CC_NONE;
    c->eflags = (uint32_t)s->flags;
    memcpy(r->page, s->mem, sizeof s->mem);
    const struct uop *u = r->op;
    while (u != NULL)
        u = u->fn(c, u);
    s->rax = c->gpr[REG_RAX];
    s->rcx = c->gpr[REG_RCX];
    s->rdx = c->gpr[REG_RDX];
    s->rbx = c->gpr[REG_RBX];
    s->rsi = c->gpr[REG_RSI];
    s->flags = flags_read(c);
    memcpy(s->mem, r->page, sizeof s->mem);
    ck_assert_uint_eq(c->gpr[GPR_ZERO], 0);
}

/* Flags that the manual leaves undefined for this form and these operands. */
static inline uint32_t undefined(const struct rig *r, const struct state *s)
{
    uint32_t u = r->zi.cpu_flags != NULL ? r->zi.cpu_flags->undefined : 0;
    unsigned visible = r->zi.operand_count_visible;
    const ZydisDecodedOperand *last = &r->zo[visible > 0 ? visible - 1 : 0];
    uint64_t n =
        last->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? last->imm.value.u : s->rcx;
    unsigned bits = r->zo[0].size;
    n &= bits == 64 ? 63 : 31;
    switch ((int)r->zi.mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
        if (n >= bits)
            u |= FLAG_CF;
        __attribute__((fallthrough));
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD:
        if (n <= 1) /* by 1 OF is defined, by 0 nothing changes */
            u &= ~(uint32_t)FLAG_OF;
        if (n == 0)
            u = 0;
        break;
    default: break;
    }
    return u;
}

static inline bool same(const struct state *a, const struct state *b,
                        uint32_t flags)
{
    return a->rax == b->rax && a->rcx == b->rcx && a->rdx == b->rdx &&
           a->rbx == b->rbx && a->rsi == b->rsi &&
           ((a->flags ^ b->flags) & flags) == 0 &&
           memcmp(a->mem, b->mem, sizeof a->mem) == 0;
}

static inline void show(const char *name, const struct state *s)
{
    printf("%s rax %016lx rcx %016lx rdx %016lx rbx %016lx rsi %016lx "
           "flags %03lx mem %016lx %016lx %016lx\n",
           name, s->rax, s->rcx, s->rdx, s->rbx, s->rsi, s->flags & 0xfff,
           s->mem[0], s->mem[1], s->mem[2]);
}

typedef void prepare_fn(struct rig *r, struct state *s);

static inline void any(struct rig *r, struct state *s)
{
    uint64_t *v = &s->rax;
    for (unsigned i = 0; i < 5; i++)
        v[i] = operand(&r->rng);
    for (unsigned i = 0; i < 8; i++)
        s->mem[i] = operand(&r->rng);
    s->flags = (rng_next(&r->rng) & FLAG_ARITH) | FLAG_ONE | FLAG_IF;
}

/* Run form `f` on operands from `prepare` at every level, flags live and
 * dead, and compare with the host. */
static inline void check(struct rig *r, const struct form *f,
                         prepare_fn *prepare)
{
    decode(r, f);
    memset(r->code + (int_stub_slot - int_stub), 0x90, CODE_SLOT);
    memcpy(r->code + (int_stub_slot - int_stub), f->bytes, f->n);
    stub_fn *native;
    memcpy(&native, &(void *){r->code}, sizeof native);
    for (unsigned how = 0; how < 4; how++) {
        bool dead = how & 1;
        (void)translate(r, 0, how >> 1, dead);
        for (unsigned i = 0; i < ROUNDS / 4; i++) {
            struct state from, ours, host;
            prepare(r, &from);
            ours = host = from;
            run_ours(r, &ours);
            native(&host);
            uint32_t mask = FLAG_ARITH & ~undefined(r, &from);
            if (same(&ours, &host, dead ? 0 : mask))
                continue;
            for (unsigned k = 0; k < f->n; k++)
                printf("%02x ", f->bytes[k]);
            printf("%s, timing %u, flags %s\n",
                   ZydisMnemonicGetString(r->zi.mnemonic), how >> 1,
                   dead ? "dead" : "live");
            show("from", &from);
            show("ours", &ours);
            show("host", &host);
            ck_abort_msg("differs from the host");
        }
    }
}

/* Forms: operand size 0..3 by prefixes and the lowest opcode bit. */
enum { MEM_RDI = 0x07, MEM_RDI_RSI = 0x04, REGISTERS = 0xc0 };

static inline void put(struct form *f, unsigned byte)
{
    f->bytes[f->n++] = (uint8_t)byte;
}

static inline struct form sized(unsigned lg, unsigned map, unsigned opcode)
{
    struct form f = {.n = 0};
    if (lg == 1)
        put(&f, 0x66);
    if (lg == 3)
        put(&f, 0x48);
    if (map)
        put(&f, map);
    put(&f, opcode);
    return f;
}

/* ModRM with reg; rm: RAX, [RDI] or [RDI + RSI*1] by `kind`. */
static inline void modrm(struct form *f, unsigned kind, unsigned reg)
{
    put(f, kind | reg << 3);
    if (kind == MEM_RDI_RSI)
        put(f, 0x37);
}

static inline void immediate(struct form *f, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++)
        put(f, (unsigned)(v >> (8 * i)) & 0xff);
}

/* RSI small, so that [RDI + RSI] stays within mem. */
static inline void indexed(struct rig *r, struct state *s)
{
    any(r, s);
    s->rsi &= 31;
}

static const unsigned kinds[] = {REGISTERS, MEM_RDI, MEM_RDI_RSI};
enum { KINDS = 3 };

/* Run every test of one program; exit status for main. */
static inline int run_tests(const char *name, const TTest *const *tests,
                            size_t n)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 120);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
