/* SPDX-License-Identifier: Apache-2.0
 * Moves, addresses, conditions and lazy flags against the host.
 */
#include "tests/unit/int_rig.h"

START_TEST(moves)
{
    struct rig *r = rig_make();
    for (unsigned lg = 0; lg < 4; lg++) {
        for (unsigned k = 0; k < KINDS; k++) {
            for (unsigned way = 0; way < 2; way++) {
                struct form f = sized(lg, 0, 0x88 + way * 2 + (lg > 0));
                modrm(&f, kinds[k], REG_RCX);
                check(r, &f, indexed);
            }
            struct form f = sized(lg, 0, 0xc6 + (lg > 0));
            modrm(&f, kinds[k], 0);
            immediate(&f, lg == 0 ? 1 : lg == 1 ? 2 : 4, rng_next(&r->rng));
            check(r, &f, indexed);
            if (lg == 0)
                continue;
            for (unsigned from = 0; from < 2; from++) {
                f = sized(lg, 0x0f, 0xb6 + from); /* MOVZX */
                modrm(&f, kinds[k], REG_RCX);
                check(r, &f, indexed);
                f = sized(lg, 0x0f, 0xbe + from); /* MOVSX */
                modrm(&f, kinds[k], REG_RCX);
                check(r, &f, indexed);
            }
            if (lg > 1) { /* MOVSXD; of 16 bits it is model-specific */
                f = sized(lg, 0, 0x63);
                modrm(&f, kinds[k], REG_RCX);
                check(r, &f, indexed);
            }
            if (lg > 1 && kinds[k] != REGISTERS) {
                f = sized(lg, 0x0f, 0xc3); /* MOVNTI */
                modrm(&f, kinds[k], REG_RCX);
                check(r, &f, indexed);
            }
        }
        struct form f = sized(lg, 0, lg == 0 ? 0xb1 : 0xb9);
        immediate(&f, 1u << lg, rng_next(&r->rng));
        check(r, &f, any);
        if (lg == 0)
            continue;
        f = sized(lg, 0, 0x98); /* CBW ... */
        check(r, &f, any);
        f = sized(lg, 0, 0x99); /* CWD ... */
        check(r, &f, any);
        if (lg > 1) {
            f = sized(lg, 0x0f, 0xc9); /* BSWAP rcx */
            check(r, &f, any);
        }
    }
    rig_free(r);
}
END_TEST

START_TEST(effective_addresses)
{
    struct rig *r = rig_make();
    for (unsigned narrow = 0; narrow < 2; narrow++) {
        for (unsigned lg = 1; lg < 4; lg++) {
            static const uint8_t tail[][6] = {
                {0x08},                   /* [rax] */
                {0x48, 0xf0},             /* [rax-16] */
                {0x8a, 1, 2, 3, 0x84},    /* [rdx+disp32] */
                {0x0c, 0x98},             /* [rax+rbx*4] */
                {0x4c, 0x58, 0x85},       /* [rax+rbx*2-123] */
                {0x0c, 0xdd, 9, 8, 7, 6}, /* [rbx*8+disp32] */
                {0x0c, 0x25, 9, 8, 7, 6}, /* [disp32] */
            };
            static const unsigned size[] = {1, 2, 5, 2, 3, 6, 6};
            for (unsigned i = 0; i < 7; i++) {
                struct form f = {.n = 0}, g = sized(lg, 0, 0x8d);
                if (narrow)
                    put(&f, 0x67);
                memcpy(f.bytes + f.n, g.bytes, g.n);
                f.n += g.n;
                memcpy(f.bytes + f.n, tail[i], size[i]);
                f.n += size[i];
                check(r, &f, any);
            }
        }
    }
    rig_free(r);
}
END_TEST

/* Every kind of lazy flags is read under every condition: the operation
 * leaves its flags lazily, then SETcc, CMOVcc and the rest read them. */
START_TEST(conditions)
{
    struct rig *r = rig_make();
    for (unsigned cc = 0; cc < 16; cc++) {
        for (unsigned k = 0; k < KINDS; k++) {
            struct form f = sized(0, 0x0f, 0x90 + cc);
            modrm(&f, kinds[k], 0);
            check(r, &f, indexed);
            for (unsigned lg = 1; lg < 4; lg++) {
                f = sized(lg, 0x0f, 0x40 + cc);
                modrm(&f, kinds[k], REG_RCX);
                check(r, &f, indexed);
            }
        }
    }
    static const uint8_t single[] = {0x9e, 0x9f, 0xf5, 0xf8, 0xf9};
    for (unsigned i = 0; i < sizeof single; i++)
        check(r, &(struct form){{single[i]}, 1}, any);
    rig_free(r);
}
END_TEST

START_TEST(lazy_flags_read_by_each_condition)
{
    struct rig *r = rig_make();
    struct cpu *c = r->c;
    for (unsigned i = 0; i < 200000; i++) {
        unsigned kind = 1 + (unsigned)(rng_next(&r->rng) % (CC_KINDS - 1));
        unsigned lg = (unsigned)rng_next(&r->rng) & 3;
        uint64_t mask = bits_mask(8u << lg);
        c->cc_op = CC_OP(kind, lg);
        c->cc_res = operand(&r->rng) & mask;
        c->cc_src = operand(&r->rng) & mask;
        if (kind == CC_INC || kind == CC_DEC)
            c->cc_src &= 1;
        if (kind == CC_PART)
            c->cc_src &= FLAG_CF | FLAG_AF | FLAG_OF;
        bool lazy[16];
        for (unsigned cc = 0; cc < 16; cc++)
            lazy[cc] = flags_condition_var(c, cc);
        flags_set_arith(c, flags_arith(c));
        for (unsigned cc = 0; cc < 16; cc++)
            ck_assert_msg(flags_condition_var(c, cc) == lazy[cc],
                          "kind %u size %u condition %u", kind, lg, cc);
    }
    rig_free(r);
}
END_TEST

/* Chains: a producer of every kind, then an instruction that keeps or reads
 * single flags, without making them architectural in between. */
START_TEST(flags_across_instructions)
{
    static const struct form first[] = {
        {{0x48, 0x01, 0xc8}, 3}, /* add rax, rcx */
        {{0x28, 0xc8}, 2},       /* sub al, cl */
        {{0x66, 0x21, 0xc8}, 3}, /* and ax, cx */
        {{0xff, 0xc0}, 2},       /* inc eax */
        {{0x48, 0xff, 0xc8}, 3}, /* dec rax */
        {{0xd1, 0xe0}, 2},       /* shl eax, 1 */
        {{0x48, 0xf7, 0xd8}, 3}, /* neg rax */
        {{0x39, 0xc8}, 2},       /* cmp eax, ecx */
    };
    static const struct form then[] = {
        {{0x48, 0x11, 0xd3}, 3}, /* adc rbx, rdx */
        {{0x19, 0xd3}, 2},       /* sbb ebx, edx */
        {{0xff, 0xc3}, 2},       /* inc ebx */
        {{0xfe, 0xcb}, 2},       /* dec bl */
        {{0xd1, 0xc3}, 2},       /* rol ebx, 1 */
        {{0xd0, 0xcb}, 2},       /* ror bl, 1 */
        {{0x48, 0xd1, 0xd3}, 3}, /* rcl rbx, 1 */
        {{0xd1, 0xdb}, 2},       /* rcr ebx, 1 */
        {{0xf5}, 1},             /* cmc */
        {{0xf9}, 1},             /* stc */
        {{0x9f}, 1},             /* lahf */
        {{0x9e}, 1},             /* sahf */
        {{0xc1, 0xe3, 0x00}, 3}, /* shl ebx, 0 */
    };
    struct rig *r = rig_make();
    for (unsigned a = 0; a < sizeof first / sizeof first[0]; a++) {
        for (unsigned b = 0; b < sizeof then / sizeof then[0]; b++) {
            if (then[b].bytes[0] == 0x9f && first[a].bytes[0] == 0xd1)
                continue; /* AH would show the undefined AF */
            struct form f = first[a];
            memcpy(f.bytes + f.n, then[b].bytes, then[b].n);
            f.n += then[b].n;
            memset(r->code + (int_stub_slot - int_stub), 0x90, CODE_SLOT);
            memcpy(r->code + (int_stub_slot - int_stub), f.bytes, f.n);
            stub_fn *native;
            memcpy(&native, &(void *){r->code}, sizeof native);
            for (unsigned i = 0; i < 400; i++) {
                struct state from, ours, host;
                any(r, &from);
                ours = host = from;
                decode(r, &first[a]);
                uint32_t undef = r->zi.cpu_flags->undefined;
                unsigned at = translate(r, 0, i & 1, false);
                decode(r, &then[b]);
                if (r->zi.cpu_flags != NULL)
                    undef |= undefined(r, &from);
                (void)translate(r, at, i & 1, false);
                run_ours(r, &ours);
                native(&host);
                ck_assert_msg(same(&ours, &host, FLAG_ARITH & ~undef),
                              "pair %u %u", a, b);
            }
        }
    }
    rig_free(r);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        moves,
        effective_addresses,
        conditions,
        lazy_flags_read_by_each_condition,
        flags_across_instructions,
    };
    return run_tests("int_mov", tests, sizeof tests / sizeof tests[0]);
}
