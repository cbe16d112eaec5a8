/* SPDX-License-Identifier: Apache-2.0
 * What x87 instructions do to the register stack, tags, status and flags;
 * values are computed by the host's x87 (x87_host.c). Stack faults are found
 * here, before anything runs. SDM Vol.1 "x87 FPU Exception Handling".
 *
 * Condition codes the manual calls undefined keep their value. FIP follows
 * every non-control instruction; FDP and FOP only unmasked exceptions (CPUID
 * leaf 7: FDP_EXCPTN_ONLY). Transcendentals are the host's in their last bit.
 */
#include "cpu/x87.h"

#include "cpu/flags.h"
#include "cpu/plant.h"

#include <string.h>

enum {
    CODES = X87_C0 | X87_C1 | X87_C2 | X87_C3,
    PRE = X87_IE | X87_DE | X87_ZE /* unmasked: no result at all */
};

/* The QNaN real indefinite. */
static const struct f80 indefinite = {{UINT64_C(0xc000000000000000), 0xffff}};

/* --- state --- */

void x87_update_summary(struct x87 *f)
{
    if ((f->fsw & ~f->fcw & X87_EXCEPTIONS) != 0)
        f->fsw |= X87_ES | X87_B;
    else
        f->fsw &= (uint16_t) ~(X87_ES | X87_B);
}

static uint32_t full_tag(const struct x87 *f, unsigned n)
{
    if ((f->ftw >> n & 1) == 0)
        return 3;
    uint64_t m = f->st[n].u64[0];
    unsigned exponent = f->st[n].u64[1] & 0x7fff;
    if (exponent == 0)
        return m == 0 ? 1 : 2;
    return exponent == 0x7fff || m >> 63 == 0 ? 2 : 0;
}

uint32_t x87_full_tags(const struct x87 *f)
{
    uint32_t tags = 0;
    for (unsigned n = 0; n < 8; n++)
        tags |= full_tag(f, n) << 2 * n;
    return tags;
}

void x87_set_full_tags(struct x87 *f, uint32_t tags)
{
    f->ftw = 0;
    for (unsigned n = 0; n < 8; n++)
        if ((tags >> 2 * n & 3) != 3)
            f->ftw |= (uint8_t)(1u << n);
}

void x87_init(struct x87 *f)
{
    f->fcw = 0x37f;
    f->fsw = f->fop = f->fcs = f->fds = 0;
    f->ftw = 0;
    f->fip = f->fdp = 0;
    x87_host_clear();
}

static bool empty(const struct x87 *f, unsigned i)
{
    return (f->ftw >> x87_physical(f, i) & 1) == 0;
}

static struct f80 get(const struct x87 *f, unsigned i)
{
    unsigned n = x87_physical(f, i);
    return (struct f80){{f->st[n].u64[0], f->st[n].u64[1]}};
}

static void put(struct x87 *f, unsigned i, struct f80 v)
{
    unsigned n = x87_physical(f, i);
    f->st[n].u64[0] = v.u64[0];
    f->st[n].u64[1] = v.u64[1] & 0xffff;
    f->ftw |= (uint8_t)(1u << n);
}

static void move_top(struct x87 *f, unsigned by)
{
    unsigned top = (x87_top(f) + by) & 7;
    f->fsw = (uint16_t)((f->fsw & ~(unsigned)X87_TOP) | top << X87_TOP_SHIFT);
}

static void release(struct x87 *f, unsigned i)
{
    f->ftw &= (uint8_t) ~(1u << x87_physical(f, i));
}

static void push(struct x87 *f, struct f80 v)
{
    move_top(f, 7);
    put(f, 0, v);
}

static void pops(struct x87 *f, const struct uop *u)
{
    for (unsigned n = u->aux >> X87_AUX_POP_SHIFT & 3; n > 0; n--) {
        release(f, 0);
        move_top(f, 1);
    }
}

static enum x87_format format(const struct uop *u)
{
    return u->aux >> X87_AUX_FORMAT_SHIFT & 0xf;
}

/* Keep what an x87 exception handler asks for. */
static void note_unmasked(struct cpu *c, const struct uop *u)
{
    c->x87.fop = u->aux >> X87_AUX_FOP_SHIFT & 0x7ff;
    c->x87.fdp = format(u) == X87_REGISTER ? 0 : uop_ea(c, u);
}

/* Add flags and codes of the host's status word. */
static void finish(struct cpu *c, const struct uop *u, uint16_t sw,
                   unsigned codes)
{
    struct x87 *f = &c->x87;
    uint16_t flags = sw & X87_EXCEPTIONS;
    f->fsw = (uint16_t)((f->fsw & ~codes) | (sw & codes) | flags);
    if (UNLIKELY((flags & ~f->fcw) != 0))
        note_unmasked(c, u);
    x87_update_summary(f);
}

/* True when the status forbids any result. */
static bool blocked(const struct x87 *f, uint16_t sw, unsigned flags)
{
    return (sw & ~f->fcw & flags) != 0;
}

/* Stack overflow or underflow; true: the masked response is due. */
static bool stack_fault(struct cpu *c, const struct uop *u, bool overflow)
{
    finish(c, u, X87_IE | (overflow ? X87_C1 : 0), X87_C1);
    c->x87.fsw |= X87_SF;
    return (c->x87.fcw & X87_IE) != 0;
}

static void clear_c1(struct x87 *f)
{
    f->fsw &= (uint16_t)~X87_C1;
}

static void clear_code_bits(struct x87 *f, unsigned set)
{
    f->fsw = (uint16_t)((f->fsw & ~(unsigned)CODES) | set);
}

/* --- arithmetic and compares --- */

static enum x87_host_op arith_host(enum x87_op op, enum x87_format m)
{
    static const uint8_t host[X87_OPS] = {
        [X87_ADD] = HOST_ADD_F32, [X87_MUL] = HOST_MUL_F32,
        [X87_SUB] = HOST_SUB_F32, [X87_SUBR] = HOST_SUBR_F32,
        [X87_DIV] = HOST_DIV_F32, [X87_DIVR] = HOST_DIVR_F32,
        [X87_COM] = HOST_COM_F32, [X87_COMP] = HOST_COM_F32,
        [X87_COMI] = HOST_COM_F32};
    if (op == X87_UCOM || op == X87_UCOMI)
        return HOST_UCOM_ST;
    return host[op] + (m == X87_REGISTER ? 4u : (unsigned)m);
}

static void arith(struct cpu *c, const struct uop *u, enum x87_op op,
                  uint64_t m)
{
    struct x87 *f = &c->x87;
    bool reg = format(u) == X87_REGISTER, to_sti = (u->aux & X87_TO_STI) != 0;
    unsigned d = to_sti ? u->dst : 0;
    if (empty(f, 0) || (reg && empty(f, u->dst))) {
        if (stack_fault(c, u, false)) {
            put(f, d, indefinite);
            pops(f, u);
        }
        return;
    }
    struct x87_host h = {.a = get(f, d), .m = m, .cw = f->fcw};
    if (reg)
        h.b = get(f, to_sti ? 0 : u->dst);
    x87_host_run(&h, arith_host(op, format(u)));
    finish(c, u, h.sw, X87_C1);
    if (blocked(f, h.sw, PRE))
        return;
    put(f, d, h.r);
    pops(f, u);
}

/* C3, C2, C0 as ZF, PF, CF. */
static void codes_to_eflags(struct cpu *c, unsigned sw)
{
    uint32_t kept = FLAG_OF | FLAG_SF | FLAG_AF;
    kept &= PLANTED(c, PLANT_FCOMI_OVERFLOW) ? (uint32_t)flags_read(c) : 0;
    flags_set_arith(c, kept | (sw & X87_C3 ? FLAG_ZF : 0u) |
                           (sw & X87_C2 ? FLAG_PF : 0u) |
                           (sw & X87_C0 ? FLAG_CF : 0u));
}

static void compare(struct cpu *c, const struct uop *u, enum x87_op op,
                    uint64_t m)
{
    struct x87 *f = &c->x87;
    bool reg = format(u) == X87_REGISTER;
    bool eflags = op == X87_COMI || op == X87_UCOMI;
    unsigned unordered = X87_C0 | X87_C2 | X87_C3;
    if (empty(f, 0) || (reg && empty(f, u->dst))) {
        if (stack_fault(c, u, false)) {
            if (eflags)
                codes_to_eflags(c, unordered);
            else
                clear_code_bits(f, unordered);
            pops(f, u);
        }
        return;
    }
    struct x87_host h = {.a = get(f, 0), .m = m, .cw = f->fcw};
    if (reg)
        h.b = get(f, u->dst);
    x87_host_run(&h, arith_host(op, format(u)));
    finish(c, u, h.sw, X87_C1);
    if (blocked(f, h.sw, PRE))
        return;
    if (eflags)
        codes_to_eflags(c, h.sw);
    else
        clear_code_bits(f, h.sw & CODES);
    pops(f, u);
}

static void test_zero(struct cpu *c, const struct uop *u)
{
    struct x87 *f = &c->x87;
    if (empty(f, 0)) {
        if (stack_fault(c, u, false))
            clear_code_bits(f, X87_C0 | X87_C2 | X87_C3);
        return;
    }
    struct x87_host h = {.a = get(f, 0), .cw = f->fcw};
    x87_host_run(&h, HOST_TST);
    finish(c, u, h.sw, X87_C1);
    if (!blocked(f, h.sw, PRE))
        clear_code_bits(f, h.sw & CODES);
}

/* FXAM: class in C3 C2 C0, sign in C1. */
static void examine(struct x87 *f)
{
    struct f80 v = get(f, 0);
    unsigned exponent = v.u64[1] & 0x7fff, class;
    bool integer = v.u64[0] >> 63 != 0;
    if (empty(f, 0))
        class = X87_C3 | X87_C0;
    else if (exponent == 0)
        class = v.u64[0] == 0 ? X87_C3 : X87_C3 | X87_C2;
    else if (!integer)
        class = 0; /* unsupported */
    else if (exponent == 0x7fff)
        class = v.u64[0] << 1 == 0 ? X87_C2 | X87_C0 : X87_C0;
    else
        class = X87_C2;
    clear_code_bits(f, class | (v.u64[1] >> 15 & 1 ? X87_C1 : 0u));
}

/* --- one or two operands on the stack --- */

/* Result to ST(0); `two`: ST(1) is an operand as well. Where C2 is a result
 * it is cleared even when nothing runs. */
static void unary(struct cpu *c, const struct uop *u, enum x87_host_op op,
                  bool two, unsigned codes)
{
    struct x87 *f = &c->x87;
    f->fsw &= (uint16_t) ~(codes & X87_C2);
    if (empty(f, 0) || (two && empty(f, 1))) {
        if (stack_fault(c, u, false))
            put(f, 0, indefinite);
        return;
    }
    struct x87_host h = {.a = get(f, 0), .b = get(f, 1), .cw = f->fcw};
    x87_host_run(&h, op);
    if ((h.r.u64[1] & 0x7fff) == 0x7fff)
        codes &= X87_C1 | X87_C2; /* no quotient in C0 and C3 */
    finish(c, u, h.sw, codes);
    if (!blocked(f, h.sw, PRE))
        put(f, 0, h.r);
}

/* Result to ST(1), then pop. */
static void binary_pop(struct cpu *c, const struct uop *u, enum x87_host_op op)
{
    struct x87 *f = &c->x87;
    struct f80 r = indefinite;
    if (empty(f, 0) || empty(f, 1)) {
        if (!stack_fault(c, u, false))
            return;
    } else {
        struct x87_host h = {.a = get(f, 0), .b = get(f, 1), .cw = f->fcw};
        x87_host_run(&h, op);
        finish(c, u, h.sw, X87_C1);
        if (blocked(f, h.sw, PRE))
            return;
        r = h.r;
    }
    put(f, 1, r);
    release(f, 0);
    move_top(f, 1);
}

/* FXTRACT, FPTAN, FSINCOS: ST(0) is replaced and a second result pushed,
 * unless C2 says that the operand is out of range. */
static void two_results(struct cpu *c, const struct uop *u, enum x87_host_op op)
{
    struct x87 *f = &c->x87;
    unsigned codes = X87_C1 | (op == HOST_XTRACT ? 0 : X87_C2);
    f->fsw &= (uint16_t) ~(codes & X87_C2);
    if (empty(f, 0) || !empty(f, 7)) {
        if (stack_fault(c, u, !empty(f, 0))) {
            put(f, 0, indefinite);
            push(f, indefinite);
        }
        return;
    }
    struct x87_host h = {.a = get(f, 0), .cw = f->fcw};
    x87_host_run(&h, op);
    finish(c, u, h.sw, codes);
    if (blocked(f, h.sw, PRE) || (h.sw & codes & X87_C2) != 0)
        return;
    put(f, 0, h.r2);
    push(f, h.r);
}

/* FCHS, FABS. */
static void change_sign(struct cpu *c, const struct uop *u, bool absolute)
{
    struct x87 *f = &c->x87;
    if (empty(f, 0)) {
        if (stack_fault(c, u, false))
            put(f, 0, indefinite);
        return;
    }
    struct f80 v = get(f, 0);
    v.u64[1] = absolute ? v.u64[1] & 0x7fff : v.u64[1] ^ 0x8000;
    clear_c1(f);
    put(f, 0, v);
}

/* --- moves --- */

/* Push what the host loads by `op` from h->m or h->a. */
static void load(struct cpu *c, const struct uop *u, enum x87_host_op op,
                 struct x87_host *h)
{
    struct x87 *f = &c->x87;
    if (!empty(f, 7)) {
        if (stack_fault(c, u, true))
            push(f, indefinite);
        return;
    }
    h->cw = f->fcw;
    x87_host_run(h, op);
    finish(c, u, h->sw, X87_C1);
    if (!blocked(f, h->sw, PRE))
        push(f, h->r);
}

/* Push v as it is. */
static void load_raw(struct cpu *c, const struct uop *u, struct f80 v,
                     bool source_empty)
{
    struct x87 *f = &c->x87;
    bool full = !empty(f, 7) && !PLANTED(c, PLANT_FLD_NO_OVERFLOW);
    if (full || source_empty) {
        /* An empty source counts before a full stack. */
        if (stack_fault(c, u, !source_empty))
            push(f, indefinite);
        return;
    }
    clear_c1(f);
    push(f, v);
}

static void load_constant(struct cpu *c, const struct uop *u,
                          enum x87_host_op op)
{
    struct x87_host h = {.sw = 0};
    load(c, u, op, &h);
}

static void store_register(struct cpu *c, const struct uop *u)
{
    struct x87 *f = &c->x87;
    struct f80 v = get(f, 0);
    if (empty(f, 0)) {
        if (!stack_fault(c, u, false))
            return;
        v = indefinite;
    } else {
        clear_c1(f);
    }
    put(f, u->dst, v);
    pops(f, u);
}

static void exchange(struct cpu *c, const struct uop *u)
{
    struct x87 *f = &c->x87;
    struct f80 a = get(f, 0), b = get(f, u->dst);
    bool a_empty = empty(f, 0), b_empty = empty(f, u->dst);
    if (a_empty || b_empty) {
        if (!stack_fault(c, u, false))
            return;
        a = a_empty ? indefinite : a;
        b = b_empty ? indefinite : b;
    } else {
        clear_c1(f);
    }
    put(f, 0, b);
    put(f, u->dst, a);
}

static void conditional_move(struct cpu *c, const struct uop *u)
{
    struct x87 *f = &c->x87;
    if (empty(f, 0) || empty(f, u->dst)) {
        if (stack_fault(c, u, false))
            put(f, 0, indefinite);
        return;
    }
    if (flags_condition(c, u->src)) /* C1 only changes on a stack fault */
        put(f, 0, get(f, u->dst));
}

/* --- entry points of the handlers --- */

static void clear_exceptions(struct x87 *f)
{
    f->fsw &= 0x7f00;
    x87_host_clear();
}

static void control(struct cpu *c, const struct uop *u, enum x87_op op)
{
    struct x87 *f = &c->x87;
    switch ((unsigned)op) {
    case X87_FFREE:
        release(f, u->dst);
        pops(f, u);
        break;
    case X87_FDECSTP:
    case X87_FINCSTP:
        clear_c1(f);
        move_top(f, op == X87_FINCSTP ? 1 : 7);
        break;
    case X87_FNCLEX: clear_exceptions(f); break;
    case X87_FNINIT: x87_init(f); break;
    case X87_FNSTSW_AX: REG(uint16_t, c, 0) = f->fsw; break;
    default: break; /* FNOP, FWAIT */
    }
}

static void transcendental(struct cpu *c, const struct uop *u, enum x87_op op)
{
    switch ((unsigned)op) {
    case X87_F2XM1: unary(c, u, HOST_F2XM1, false, X87_C1); break;
    case X87_FSQRT: unary(c, u, HOST_SQRT, false, X87_C1); break;
    case X87_FRNDINT: unary(c, u, HOST_RNDINT, false, X87_C1); break;
    case X87_FSIN: unary(c, u, HOST_SIN, false, X87_C1 | X87_C2); break;
    case X87_FCOS: unary(c, u, HOST_COS, false, X87_C1 | X87_C2); break;
    case X87_FSCALE: unary(c, u, HOST_SCALE, true, X87_C1); break;
    case X87_FPREM: unary(c, u, HOST_PREM, true, CODES); break;
    case X87_FPREM1: unary(c, u, HOST_PREM1, true, CODES); break;
    case X87_FYL2X: binary_pop(c, u, HOST_YL2X); break;
    case X87_FYL2XP1: binary_pop(c, u, HOST_YL2XP1); break;
    case X87_FPATAN: binary_pop(c, u, HOST_PATAN); break;
    case X87_FXTRACT: two_results(c, u, HOST_XTRACT); break;
    case X87_FPTAN: two_results(c, u, HOST_PTAN); break;
    case X87_FSINCOS: two_results(c, u, HOST_SINCOS); break;
    default: control(c, u, op); break;
    }
}

void x87_register(struct cpu *c, const struct uop *u)
{
    struct x87 *f = &c->x87;
    enum x87_op op = u->aux & X87_AUX_OP;
    if (op < X87_FNOP)
        f->fip = u->imm;
    switch ((unsigned)op) {
    case X87_ADD:
    case X87_MUL:
    case X87_SUB:
    case X87_SUBR:
    case X87_DIV:
    case X87_DIVR: arith(c, u, op, 0); break;
    case X87_COM:
    case X87_COMP:
    case X87_UCOM:
    case X87_COMI:
    case X87_UCOMI: compare(c, u, op, 0); break;
    case X87_FLD: load_raw(c, u, get(f, u->dst), empty(f, u->dst)); break;
    case X87_FST: store_register(c, u); break;
    case X87_FXCH: exchange(c, u); break;
    case X87_FCMOV: conditional_move(c, u); break;
    case X87_FCHS: change_sign(c, u, false); break;
    case X87_FABS: change_sign(c, u, true); break;
    case X87_FTST: test_zero(c, u); break;
    case X87_FXAM: examine(f); break;
    case X87_FLD1:
    case X87_FLDL2T:
    case X87_FLDL2E:
    case X87_FLDPI:
    case X87_FLDLG2:
    case X87_FLDLN2:
    case X87_FLDZ: load_constant(c, u, HOST_LD1 + (op - X87_FLD1)); break;
    default: transcendental(c, u, op); break;
    }
}

void x87_load(struct cpu *c, const struct uop *u)
{
    static const uint8_t host[X87_REGISTER] = {
        [X87_F32] = HOST_LD_F32, [X87_F64] = HOST_LD_F64,
        [X87_I16] = HOST_LD_I16, [X87_I32] = HOST_LD_I32,
        [X87_I64] = HOST_LD_I64, [X87_BCD] = HOST_LD_BCD};
    struct x87 *f = &c->x87;
    enum x87_op op = u->aux & X87_AUX_OP;
    enum x87_format m = format(u);
    struct f80 v = {{c->slow.u64[0], c->slow.u64[1] & 0xffff}};
    if (m == X87_CW) {
        f->fcw = (uint16_t)((v.u64[0] & X87_CW_VALID) | X87_CW_FIXED);
        x87_update_summary(f);
        return;
    }
    f->fip = u->imm;
    if (op == X87_COM || op == X87_COMP) {
        compare(c, u, op, v.u64[0]);
    } else if (op != X87_FLD) {
        arith(c, u, op, v.u64[0]);
    } else if (m == X87_F80) {
        load_raw(c, u, v, false);
    } else {
        struct x87_host h = {.a = v, .m = v.u64[0]};
        load(c, u, host[m], &h);
    }
}

/* What an empty ST(0) stores when the exception is masked. */
static struct f80 indefinite_of(enum x87_format m)
{
    switch ((unsigned)m) {
    case X87_F32: return (struct f80){{0xffc00000, 0}};
    case X87_F64: return (struct f80){{UINT64_C(0xfff8000000000000), 0}};
    case X87_I16:
    case X87_IT16: return (struct f80){{0x8000, 0}};
    case X87_I32:
    case X87_IT32: return (struct f80){{0x80000000, 0}};
    case X87_I64:
    case X87_IT64: return (struct f80){{UINT64_C(1) << 63, 0}};
    default: return indefinite; /* BCD indefinite has the same bytes */
    }
}

enum { STORE_STACK_FAULT = 1 << 16 }; /* in GPR_TMP, above the status */

static bool store_out(struct cpu *c, struct f80 v, uint64_t status)
{
    c->slow.u64[0] = v.u64[0];
    c->slow.u64[1] = v.u64[1];
    c->gpr[GPR_TMP] = status;
    return true;
}

bool x87_store(struct cpu *c, const struct uop *u)
{
    static const uint8_t host[X87_REGISTER] = {
        [X87_F32] = HOST_ST_F32,   [X87_F64] = HOST_ST_F64,
        [X87_I16] = HOST_ST_I16,   [X87_I32] = HOST_ST_I32,
        [X87_I64] = HOST_ST_I64,   [X87_BCD] = HOST_ST_BCD,
        [X87_IT16] = HOST_ST_IT16, [X87_IT32] = HOST_ST_IT32,
        [X87_IT64] = HOST_ST_IT64};
    struct x87 *f = &c->x87;
    enum x87_format m = format(u);
    if (m == X87_CW || m == X87_SW)
        return store_out(c, (struct f80){{m == X87_CW ? f->fcw : f->fsw, 0}},
                         0);
    if (empty(f, 0)) {
        if ((f->fcw & X87_IE) != 0)
            return store_out(c, indefinite_of(m), STORE_STACK_FAULT);
        f->fip = u->imm;
        (void)stack_fault(c, u, false);
        return false;
    }
    if (m == X87_F80)
        return store_out(c, get(f, 0), 0);
    struct x87_host h = {.a = get(f, 0), .cw = f->fcw};
    x87_host_run(&h, host[m]);
    if (blocked(f, h.sw, PRE | X87_OE | X87_UE)) {
        f->fip = u->imm;
        finish(c, u, h.sw, X87_C1);
        return false;
    }
    return store_out(c, m == X87_BCD ? h.r : (struct f80){{h.m, 0}}, h.sw);
}

void x87_stored(struct cpu *c, const struct uop *u)
{
    struct x87 *f = &c->x87;
    enum x87_format m = format(u);
    if (m == X87_CW || m == X87_SW)
        return;
    f->fip = u->imm;
    if ((c->gpr[GPR_TMP] & STORE_STACK_FAULT) != 0)
        (void)stack_fault(c, u, false);
    else
        finish(c, u, (uint16_t)c->gpr[GPR_TMP], X87_C1);
    pops(f, u);
}
