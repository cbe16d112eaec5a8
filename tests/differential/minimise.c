/* SPDX-License-Identifier: Apache-2.0
 * A smaller case that still fails: registers and memory that do not matter
 * become zero, prefixes and instructions that do not matter go.
 */
#include "tests/differential/gen.h"

#include <string.h>

bool case_differs(struct sim *s, const struct test_case *t,
                  struct outcome *native, struct outcome *sim,
                  struct verdict *v)
{
    native_run(t, native);
    sim_run_case(s, t, sim);
    case_compare(t, native, sim, v);
    return v->differs;
}

static bool still(struct sim *s, const struct test_case *t)
{
    static struct outcome native, sim; /* large */
    struct verdict v;
    return case_differs(s, t, &native, &sim, &v);
}

/* Set `size` bytes at `at` (inside *t) to `value` if the case still fails. */
static void try_set(struct sim *s, struct test_case *t, void *at,
                    const void *value, size_t size)
{
    uint8_t old[64];
    for (size_t done = 0; done < size; done += sizeof old) {
        size_t n = size - done < sizeof old ? size - done : sizeof old;
        uint8_t *p = (uint8_t *)at + done;
        const uint8_t *to = (const uint8_t *)value + done;
        if (memcmp(p, to, n) == 0)
            continue;
        memcpy(old, p, n);
        memcpy(p, to, n);
        if (!still(s, t))
            memcpy(p, old, n);
    }
}

static void try_zero(struct sim *s, struct test_case *t, void *at, size_t size)
{
    static const uint8_t zeros[64];
    try_set(s, t, at, zeros, size);
}

static void smaller_state(struct sim *s, struct test_case *t)
{
    struct machine_state *m = &t->before;
    uint64_t flags = 0x202;
    uint32_t mxcsr = 0x1f80;
    uint16_t fcw = 0x37f;
    for (unsigned i = 0; i < 16; i++) {
        try_zero(s, t, m->fx.xmm[i], 16);
        try_zero(s, t, m->ymmh[i], 16);
        if (i != 4)
            try_zero(s, t, &m->gpr[i], 8);
    }
    for (unsigned i = 0; i < 8; i++)
        try_zero(s, t, &m->fx.st[i], 10);
    try_zero(s, t, &m->fx.ftw, 1);
    try_zero(s, t, &m->fx.fsw, 2);
    try_set(s, t, &m->fx.fcw, &fcw, sizeof fcw);
    try_set(s, t, &m->fx.mxcsr, &mxcsr, sizeof mxcsr);
    try_set(s, t, &m->rflags, &flags, sizeof flags);
    for (unsigned bit = 0; bit < 12; bit++) {
        uint64_t without = m->rflags & ~(UINT64_C(1) << bit);
        if (bit != 1 && bit != 9)
            try_set(s, t, &m->rflags, &without, sizeof without);
    }
}

static void smaller_memory(struct sim *s, struct test_case *t)
{
    static uint8_t old[ARENA_SIZE];
    for (unsigned block = ARENA_SIZE; block >= 64; block /= 2) {
        for (unsigned at = 0; at + block <= ARENA_SIZE; at += block) {
            memcpy(old, t->memory + at, block);
            memset(t->memory + at, 0, block);
            if (!still(s, t))
                memcpy(t->memory + at, old, block);
        }
        if (block % 2 != 0)
            break;
    }
    for (unsigned at = 0; at < ARENA_SIZE; at++) {
        if (t->memory[at] != 0)
            try_zero(s, t, t->memory + at, 1);
    }
}

/* Drop byte i of the only instruction, if what remains is one too. */
static void try_drop(struct sim *s, struct test_case *t, unsigned i)
{
    static struct test_case copy; /* large */
    copy = *t;
    memmove(copy.bytes + i, copy.bytes + i + 1, copy.length - i - 1);
    copy.bytes[--copy.length] = 0xcc;
    if (copy.open_end)
        return;
    if (case_decode(&copy) && copy.zi.length <= copy.length &&
        copy.zi.mnemonic == t->zi.mnemonic &&
        case_standing(&copy.zi, copy.zo) == STANDING_TESTED && still(s, &copy))
        *t = copy;
}

/* Instructions of a sequence become NOPs. */
static void try_nops(struct sim *s, struct test_case *t)
{
    for (unsigned i = 0; i < t->steps; i++) {
        uint8_t nops[16], old[16];
        unsigned from = t->start[i], size = t->start[i + 1] - from;
        if (size == 0 || size > sizeof nops)
            return;
        memset(nops, 0x90, sizeof nops);
        memcpy(old, t->bytes + from, size);
        memcpy(t->bytes + from, nops, size);
        struct test_case *u = t;
        if (!case_decode(u) || !still(s, u)) {
            memcpy(t->bytes + from, old, size);
            (void)case_decode(t);
        }
    }
}

void case_minimise(struct sim *s, struct test_case *t)
{
    if (t->steps > 2) {
        try_nops(s, t);
    } else {
        for (unsigned i = t->zi.raw.prefix_count; i > 0; i--)
            try_drop(s, t, i - 1);
    }
    smaller_state(s, t);
    smaller_memory(s, t);
    smaller_state(s, t);
}
