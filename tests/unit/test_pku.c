/* SPDX-License-Identifier: Apache-2.0
 * Protection keys for user pages: every access against a table computed
 * from the manual's words, with and without cached translations, and what
 * RDPKRU and WRPKRU refuse. SDM Vol.3 "Protection Keys".
 */
#include "sim/base/rng.h"
#include "tests/unit/sys_rig.h"

enum {
    PT = 0x100000,
    FRAME = 0x200000,  /* page k of the window is at FRAME + k * 4096 */
    WINDOW = 0x400000, /* linear; page k has key k, page 16 + k no U bit */
};

static void with_pku(struct rig *r)
{
    r->config.core.pku = true;
}

static void with_pku_untimed(struct rig *r)
{
    with_pku(r);
    r->config.core.timing = TIMING_OFF;
}

static void create(struct rig *r, unsigned how)
{
    rig_create(r, how == 0 ? with_pku : with_pku_untimed);
    rig_put(r, RIG_PD + 8 * (WINDOW >> 21), PT | 7, 8);
    for (uint64_t k = 0; k < 32; k++)
        rig_put(r, PT + 8 * k,
                (FRAME + k * 4096) | (k & 15) << 59 | (k < 16 ? 7 : 3), 8);
}

static void ready(struct rig *r, unsigned cpl, uint32_t pkru, bool wp)
{
    rig_long(r, cpl);
    r->c->cr4 |= CR4_PKE;
    if (!wp)
        r->c->cr0 &= ~(uint64_t)CR0_WP;
    r->c->pkru = pkru;
    cpu_update_mode(r->c);
}

/* mov (%rbx),%eax; mov %eax,(%rbx); add %eax,(%rbx); each then ud2. */
static const char *const access_hex[3] = {"8b 03 0f 0b", "89 03 0f 0b",
                                          "01 03 0f 0b"};

/* Back to code of this level; nothing cached is dropped. */
static void enter(struct rig *r, bool user)
{
    struct cpu *c = r->c;
    for (unsigned i = 0; i <= SEG_GS; i++)
        c->seg[i] = rig_segment(r, user ? SEL_UDATA : SEL_DATA);
    c->seg[SEG_CS] = rig_segment(r, user ? SEL_UCODE64 : SEL_CODE64);
    c->gpr[REG_RSP] = user ? RIG_USER_STACK : RIG_STACK;
    cpu_update_mode(c);
}

/* The error code, or -1 when the access went through. */
static int access(struct rig *r, unsigned kind, uint64_t at, bool user)
{
    enter(r, user);
    struct cpu *c = r->c;
    c->rip = RIG_CODE + 64 * kind;
    c->gpr[REG_RBX] = at;
    c->activity = ACTIVITY_RUN;
    ck_assert_int_eq(rig_go(r, NULL), CPU_STOP_HALT);
    int vector = rig_vector(r);
    if (vector == EXC_UD)
        return -1;
    ck_assert_int_eq(vector, EXC_PF);
    ck_assert_uint_eq(c->cr2, at);
    return (int)rig_read(r, c->gpr[REG_RSP], 4);
}

static int expected(unsigned kind, unsigned page, uint32_t pkru, bool user,
                    bool wp)
{
    bool write = kind != 0, user_page = page < 16;
    unsigned key = page & 15, code = 1 | (write ? 2u : 0) | (user ? 4u : 0);
    bool ad = pkru >> (2 * key) & 1, wd = pkru >> (2 * key + 1) & 1;
    if (!user_page)
        return user ? (int)code : -1;
    if (ad || (wd && write && (user || wp)))
        return (int)(code | 32);
    return -1;
}

START_TEST(every_access)
{
    struct rig r;
    struct rng g = rng_make(55, 0);
    create(&r, (unsigned)_i);
    for (unsigned k = 0; k < 3; k++)
        rig_hex(&r, RIG_CODE + 64 * k, access_hex[k]);
    for (unsigned n = 0; n < 4000; n++) {
        uint64_t k = rng_next(&g);
        bool user = k & 1, wp = k >> 1 & 1;
        unsigned kind = (k >> 2 & 15) % 3, page = k >> 6 & 31;
        /* The rig's stacks and tables have key 0. */
        uint32_t pkru =
            (uint32_t)(k >> 16) & (uint32_t)(k >> 12) & ~UINT32_C(3);
        uint64_t at = WINDOW + page * 4096 + (k >> 48 & 0xff8);
        ready(&r, user ? 3 : 0, 0, wp);
        for (unsigned i = 0; (k >> 11 & 1) != 0 && i < 16; i++)
            ck_assert_int_eq(access(&r, i % 3, WINDOW + i * 4096, user), -1);
        /* What TLB and filter now hold must obey the new PKRU. */
        r.c->pkru = pkru;
        int want = expected(kind, page, pkru, user, wp);
        ck_assert_msg(access(&r, kind, at, user) == want,
                      "case %u: kind %u page %u pkru %x user %d wp %d", n, kind,
                      page, pkru, user, wp);
    }
    rig_destroy(&r);
}
END_TEST

/* Fetches are not subject to keys; without CR4.PKE nothing is. */
START_TEST(exempt)
{
    struct rig r;
    create(&r, (unsigned)_i);
    ready(&r, 3, UINT32_MAX & ~UINT32_C(3), true);
    rig_hex(&r, FRAME + 5 * 4096, "0f 0b");
    r.c->rip = WINDOW + 5 * 4096;
    ck_assert_int_eq(rig_go(&r, NULL), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&r), EXC_UD);
    rig_hex(&r, RIG_CODE, access_hex[0]);
    ready(&r, 3, UINT32_MAX & ~UINT32_C(3), true);
    ck_assert_int_eq(access(&r, 0, WINDOW + 7 * 4096, true), 0x25);
    r.c->cr4 &= ~(uint64_t)CR4_PKE;
    rig_long(&r, 3);
    ck_assert_int_eq(access(&r, 0, WINDOW + 7 * 4096, true), -1);
    rig_destroy(&r);
}
END_TEST

/* WRPKRU takes effect at once, with the page in TLB and filter. */
START_TEST(wrpkru_takes_effect)
{
    struct rig r;
    create(&r, (unsigned)_i);
    ready(&r, 3, 0, true);
    r.c->gpr[REG_RBX] = WINDOW + 9 * 4096;
    r.c->gpr[REG_RSI] = WINDOW + 9 * 4096 + 8;
    r.c->gpr[REG_RCX] = r.c->gpr[REG_RDX] = 0;
    /* store, store; mov $2 << 18,%eax (write-disable key 9); wrpkru;
     * load; store: faults */
    const char *code = "89 03 89 06 b8 00 00 08 00 0f 01 ef 8b 2b 89 2b 0f 0b";
    rig_faults(&r, code, EXC_PF, 0x27);
    ck_assert_uint_eq(rig_frame(&r, 0, true), RIG_CODE + 14);
    ck_assert_uint_eq(r.c->pkru, 0x80000);
    rig_destroy(&r);
}
END_TEST

START_TEST(instructions)
{
    struct rig r;
    create(&r, 0);
    const char *rdpkru = "0f 01 ee f4", *wrpkru = "0f 01 ef f4";
    struct cpu *c = r.c;
    ready(&r, 0, 0x12340, true);
    c->gpr[REG_RCX] = UINT64_C(0xff00000000);
    c->gpr[REG_RAX] = c->gpr[REG_RDX] = UINT64_MAX;
    rig_runs(&r, rdpkru);
    ck_assert_uint_eq(c->gpr[REG_RAX], 0x12340);
    ck_assert_uint_eq(c->gpr[REG_RDX], 0);
    static const struct {
        uint32_t rcx, rdx;
        int read, write;
    } rows[] = {{0, 0, -1, -1}, {1, 0, EXC_GP, EXC_GP}, {0, 1, -1, EXC_GP}};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned write = 0; write < 2; write++) {
            ready(&r, 0, 0, true);
            c->gpr[REG_RCX] = rows[i].rcx;
            c->gpr[REG_RDX] = rows[i].rdx;
            c->gpr[REG_RAX] = UINT64_C(0x1555555c0);
            ck_assert_int_eq(rig_go(&r, write ? wrpkru : rdpkru),
                             CPU_STOP_HALT);
            ck_assert_int_eq(rig_vector(&r),
                             write ? rows[i].write : rows[i].read);
            ck_assert_uint_eq(c->pkru, write && i == 0 ? 0x555555c0 : 0);
        }
    }
    rig_long(&r, 0); /* CR4.PKE clear */
    c->gpr[REG_RCX] = c->gpr[REG_RDX] = 0;
    rig_faults(&r, rdpkru, EXC_UD, -1);
    rig_long(&r, 0);
    c->gpr[REG_RCX] = c->gpr[REG_RDX] = 0;
    rig_faults(&r, wrpkru, EXC_UD, -1);
    rig_destroy(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pku");
    TCase *t = tcase_create("pku");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, every_access, 0, 2);
    tcase_add_loop_test(t, exempt, 0, 2);
    tcase_add_loop_test(t, wrpkru_takes_effect, 0, 2);
    tcase_add_test(t, instructions);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
