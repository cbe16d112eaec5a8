/* SPDX-License-Identifier: Apache-2.0
 * Data movement: MOV, MOVZX, MOVSX, XCHG, LEA, BSWAP, the sign-extending
 * family and the stack instructions of flat stacks (others are callouts in
 * cpu/int_stack.c).
 */
#include "cpu/exec_int.h"

ALWAYS_INLINE void mov_rr(struct cpu *c, const struct uop *u, unsigned lg)
{
    int_put(c, u->dst, lg, int_get(c, u->src, lg));
}

ALWAYS_INLINE void mov_ri(struct cpu *c, const struct uop *u, unsigned lg)
{
    int_put(c, u->dst, lg, u->imm);
}

ALWAYS_INLINE bool mov_load(struct cpu *c, const struct uop *u, unsigned how,
                            unsigned lg)
{
    uint64_t v;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &v)))
        return false;
    int_put(c, u->dst, lg, v);
    return true;
}

ALWAYS_INLINE bool mov_store(struct cpu *c, const struct uop *u, unsigned how,
                             unsigned lg, bool imm)
{
    uint64_t v = imm ? u->imm : int_get(c, u->src, lg);
    return int_store(c, u, int_ea(c, u, how), lg, how, v);
}

#define MOV_REGISTER(lg)                                                       \
    INT_REGISTER(mov_rr_##lg, mov_rr, lg)                                      \
    INT_REGISTER(mov_ri_##lg, mov_ri, lg)
#define MOV_MEMORY(lg)                                                         \
    INT_MEMORY(load_##lg, mov_load, lg)                                        \
    INT_MEMORY(store_##lg, mov_store, lg, false)                               \
    INT_MEMORY(store_imm_##lg, mov_store, lg, true)
#define MOV_SIZES(M) M(0) M(1) M(2) M(3)
MOV_SIZES(MOV_REGISTER)
MOV_SIZES(MOV_MEMORY)

/* MOVZX, MOVSX, MOVSXD and CBW, CWDE, CDQE: from size `from` to size `to`. */
ALWAYS_INLINE uint64_t mov_widen(uint64_t v, unsigned from, bool sign)
{
    return sign ? (uint64_t)int_signed(v, from) : v;
}

ALWAYS_INLINE void widen_rr(struct cpu *c, const struct uop *u, unsigned from,
                            unsigned to, bool sign)
{
    int_put(c, u->dst, to, mov_widen(int_get(c, u->src, from), from, sign));
}

ALWAYS_INLINE bool widen_load(struct cpu *c, const struct uop *u, unsigned how,
                              unsigned from, unsigned to, bool sign)
{
    uint64_t v;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), from, how, &v)))
        return false;
    int_put(c, u->dst, to, mov_widen(v, from, sign));
    return true;
}

#define WIDEN(from, to)                                                        \
    INT_REGISTER(zx_rr_##from##to, widen_rr, from, to, false)                  \
    INT_REGISTER(sx_rr_##from##to, widen_rr, from, to, true)                   \
    INT_MEMORY(zx_load_##from##to, widen_load, from, to, false)                \
    INT_MEMORY(sx_load_##from##to, widen_load, from, to, true)
WIDEN(0, 1)
WIDEN(0, 2)
WIDEN(0, 3)
WIDEN(1, 1)
WIDEN(1, 2)
WIDEN(1, 3)
WIDEN(2, 1)
WIDEN(2, 2)
WIDEN(2, 3)

ALWAYS_INLINE void xchg_rr(struct cpu *c, const struct uop *u, unsigned lg)
{
    uint64_t a = int_get(c, u->dst, lg), b = int_get(c, u->src, lg);
    unsigned d = u->dst, s = u->src;
    int_put(c, d, lg, b);
    int_put(c, s, lg, a);
}

ALWAYS_INLINE bool xchg_mr(struct cpu *c, const struct uop *u, unsigned how,
                           unsigned lg)
{
    uint64_t lin = int_ea(c, u, how), a;
    unsigned s = u->src;
    uint8_t *p;
    if (UNLIKELY(!int_rmw_load(c, u, lin, lg, how, &p, &a)))
        return false;
    int_rmw_store(c, u, lin, lg, how, p, int_get(c, s, lg));
    int_put(c, s, lg, a);
    return true;
}

#define XCHG_HANDLERS(lg)                                                      \
    INT_REGISTER(xchg_rr_##lg, xchg_rr, lg)                                    \
    INT_MEMORY1(xchg_mr_##lg, xchg_mr, lg)
MOV_SIZES(XCHG_HANDLERS)

ALWAYS_INLINE void lea_body(struct cpu *c, const struct uop *u, unsigned lg,
                            unsigned how, unsigned address_lg)
{
    int_put(c, u->dst, lg, int_ea(c, u, how) & INT_MASK(address_lg));
}
INT_REGISTER(lea_1_m, lea_body, 1, 0, 3)
INT_REGISTER(lea_2_m, lea_body, 2, 0, 3)
INT_REGISTER(lea_3_m, lea_body, 3, 0, 3)
INT_REGISTER(lea_1_x, lea_body, 1, WITH_INDEX, 3)
INT_REGISTER(lea_2_x, lea_body, 2, WITH_INDEX, 3)
INT_REGISTER(lea_3_x, lea_body, 3, WITH_INDEX, 3)
INT_REGISTER(lea_z16, lea_body, 2, WITH_INDEX, 1)

/* CWD, CDQ, CQO. */
ALWAYS_INLINE void sign_dx(struct cpu *c, const struct uop *u, unsigned lg)
{
    (void)u;
    bool sign = int_msb(int_get(c, REG_RAX * 8, lg), lg);
    int_put(c, REG_RDX * 8, lg, sign ? INT_MASK(lg) : 0);
}
INT_REGISTER(sign_dx_1, sign_dx, 1)
INT_REGISTER(sign_dx_2, sign_dx, 2)
INT_REGISTER(sign_dx_3, sign_dx, 3)

/* BSWAP of a 16-bit register is undefined; as on Intel parts it gives 0. */
ALWAYS_INLINE void bswap_r(struct cpu *c, const struct uop *u, unsigned lg)
{
    unsigned d = u->dst;
    uint64_t v = int_get(c, d, lg);
    int_put(c, d, lg,
            lg == 1   ? 0
            : lg == 2 ? __builtin_bswap32((uint32_t)v)
                      : __builtin_bswap64(v));
}
INT_REGISTER(bswap_1, bswap_r, 1)
INT_REGISTER(bswap_2, bswap_r, 2)
INT_REGISTER(bswap_3, bswap_r, 3)

/* Stacks: sp_lg 3 is RSP, 2 is a flat stack addressed by ESP. RSP changes
 * after the access. */
ALWAYS_INLINE bool push_v(struct cpu *c, const struct uop *u, unsigned how,
                          unsigned sp_lg, unsigned lg, bool imm)
{
    uint64_t sp = (c->gpr[REG_RSP] - (1u << lg)) & INT_MASK(sp_lg);
    uint64_t v = imm ? u->imm : int_get(c, u->src, lg);
    if (PLANTED(c, PLANT_PUSH_RSP) && !imm && u->src == REG_RSP * 8)
        v = sp;
    if (UNLIKELY(!int_store(c, u, sp, lg, how, v)))
        return false;
    c->gpr[REG_RSP] = sp;
    return true;
}

/* The register is written after RSP: POP RSP leaves the popped value. */
ALWAYS_INLINE bool pop_r(struct cpu *c, const struct uop *u, unsigned how,
                         unsigned sp_lg, unsigned lg)
{
    uint64_t sp = c->gpr[REG_RSP] & INT_MASK(sp_lg), v;
    if (UNLIKELY(!int_load(c, u, sp, lg, how, &v)))
        return false;
    c->gpr[REG_RSP] = (sp + (1u << lg)) & INT_MASK(sp_lg);
    int_put(c, u->dst, lg, v);
    return true;
}

#define STACK(sp, lg)                                                          \
    INT_MEMORY1(push_r_##sp##lg, push_v, sp, lg, false)                        \
    INT_MEMORY1(push_i_##sp##lg, push_v, sp, lg, true)                         \
    INT_MEMORY1(pop_r_##sp##lg, pop_r, sp, lg)
STACK(3, 1)
STACK(3, 3)
STACK(2, 1)
STACK(2, 2)

/* LEAVE in 64-bit mode: RSP = RBP, then POP RBP. */
ALWAYS_INLINE bool leave_body(struct cpu *c, const struct uop *u, unsigned how,
                              unsigned lg)
{
    uint64_t sp = c->gpr[REG_RBP], v;
    if (UNLIKELY(!int_load(c, u, sp, lg, how, &v)))
        return false;
    c->gpr[REG_RSP] = sp + (1u << lg);
    int_put(c, REG_RBP * 8, lg, v);
    return true;
}
INT_MEMORY1(leave64, leave_body, 3)

UOP_STATIC(xlat_al)
{
    c->gpr[GPR_TMP] = (uint8_t)c->gpr[REG_RAX];
    UOP_NEXT(c, u);
}

/* A hint: nothing faults and nothing but the caches changes. */
UOP_STATIC(prefetch)
{
    (void)c;
#if ENGINE_TIMING
    uint64_t lin = uop_ea(c, u);
    unsigned bits = c->cr4 & BIT(12) ? 57 : 48;
    if (bits_sext(lin, bits) == lin)
        mmu_prefetch(c->mmu, lin, u->imm != 0);
#endif
    UOP_NEXT(c, u);
}

#define H(name) ENGINE(name)
#define SIZES(n)                                                               \
    {                                                                          \
        H(n##_0), H(n##_1), H(n##_2), H(n##_3)                                 \
    }
#define SIZES_MX(n)                                                            \
    {                                                                          \
        {H(n##_0_m), H(n##_1_m), H(n##_2_m), H(n##_3_m)},                      \
        {                                                                      \
            H(n##_0_x), H(n##_1_x), H(n##_2_x), H(n##_3_x)                     \
        }                                                                      \
    }
#define WIDTHS(n, x)                                                           \
    {                                                                          \
        {H(n##_01##x), H(n##_02##x), H(n##_03##x)},                            \
            {H(n##_11##x), H(n##_12##x), H(n##_13##x)},                        \
        {                                                                      \
            H(n##_21##x), H(n##_22##x), H(n##_23##x)                           \
        }                                                                      \
    }
#define STACKS(n)                                                              \
    {                                                                          \
        {H(n##_31), NULL, H(n##_33)},                                          \
        {                                                                      \
            H(n##_21), H(n##_22), NULL                                         \
        }                                                                      \
    }

const struct exec_mov_table ENGINE(exec_mov) = {
    .rr = SIZES(mov_rr),
    .ri = SIZES(mov_ri),
    .load = SIZES_MX(load),
    .store = SIZES_MX(store),
    .store_imm = SIZES_MX(store_imm),
    .zx_rr = WIDTHS(zx_rr, ),
    .sx_rr = WIDTHS(sx_rr, ),
    .zx_load = {WIDTHS(zx_load, _m), WIDTHS(zx_load, _x)},
    .sx_load = {WIDTHS(sx_load, _m), WIDTHS(sx_load, _x)},
    .xchg_rr = SIZES(xchg_rr),
    .xchg_mr = SIZES(xchg_mr),
    .lea = {H(lea_1_m), H(lea_2_m), H(lea_3_m)},
    .lea_x = {H(lea_1_x), H(lea_2_x), H(lea_3_x)},
    .lea_z16 = H(lea_z16),
    .sign_dx = {H(sign_dx_1), H(sign_dx_2), H(sign_dx_3)},
    .bswap = {H(bswap_1), H(bswap_2), H(bswap_3)},
    .push_r = STACKS(push_r),
    .push_i = STACKS(push_i),
    .pop_r = STACKS(pop_r),
    .leave64 = H(leave64),
    .xlat_al = H(xlat_al),
    .prefetch = H(prefetch),
};
