/* SPDX-License-Identifier: Apache-2.0
 * Save areas: LDMXCSR, FXSAVE and FXRSTOR in their 32 and 64-bit forms, and
 * the x87 environment and state in 16 and 32-bit, real and protected formats.
 * SDM Vol.1 "x87 FPU Environment", Vol.2 "FXSAVE".
 *
 * As on processors that say so in CPUID leaf 7: FCS and FDS are saved as 0,
 * FDP and FOP are those of the last unmasked x87 exception. Without
 * CR4.OSFXSR, FXSAVE and FXRSTOR leave XMM registers and MXCSR alone.
 */
#include "cpu/fpu_save.h"

#include "cpu/fpu.h"
#include "cpu/mem.h"
#include "cpu/plant.h"
#include "cpu/x87.h"

enum {
    FX_SIZE = 512,
    FX_X87_END = 160, /* ST0-7 before it */
    FX_MXCSR = 24,
    FX_XMM = 160,
    ENV32 = 28,
    ENV16 = 14,
    STATE_MAX = ENV32 + 80
};
enum { CR4_OSFXSR = 1 << 9, CR4_LA57 = 1 << 12 };

static bool canonical(const struct cpu *c, uint64_t lin)
{
    unsigned bits = (c->cr4 & CR4_LA57) != 0 ? 57 : 48;
    return bits_sext(lin, bits) == lin;
}

bool fpu_area_ok(struct cpu *c, const struct uop *u, uint64_t lin, unsigned len,
                 enum mmu_access access)
{
    if (!canonical(c, lin) || !canonical(c, lin + len - 1)) {
        (void)raise_error(c, u->seg == SEG_SS ? EXC_SS : EXC_GP, 0);
        return false;
    }
    if (mmu_probe(c->mmu, lin, len, access))
        return true;
    (void)raise_page_fault(c);
    return false;
}

bool fpu_area_read(struct cpu *c, const struct uop *u, uint64_t lin,
                   unsigned len, uint8_t *out)
{
    for (unsigned at = 0, n; at < len; at += n) {
        n = len - at < 64 ? len - at : 64;
        if (!mem_load_slow(c, u, lin + at, n, false))
            return false;
        memcpy(out + at, c->slow.u8, n);
    }
    return true;
}

bool fpu_area_write(struct cpu *c, const struct uop *u, uint64_t lin,
                    unsigned len, const uint8_t *in)
{
    for (unsigned at = 0, n; at < len; at += n) {
        n = len - at < 64 ? len - at : 64;
        memcpy(c->slow.u8, in + at, n);
        if (!mem_store_slow(c, u, lin + at, n, false))
            return false;
    }
    return true;
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v);
    put16(p + 2, v >> 16);
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* --- MXCSR --- */

enum step fpu_ldmxcsr(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    if (!mem_load(c, u, uop_ea(c, u), 4, &v))
        return STEP_FAULT;
    if ((v & ~(uint64_t)MXCSR_VALID) != 0)
        return raise_gp(c, 0);
    fpu_mxcsr_write(c, (uint32_t)v);
    return STEP_NEXT;
}

enum step fpu_stmxcsr(struct cpu *c, const struct uop *u)
{
    return mem_store(c, u, uop_ea(c, u), 4, fpu_mxcsr_read(c)) ? STEP_NEXT
                                                               : STEP_FAULT;
}

/* --- FXSAVE, FXRSTOR --- */

void fpu_store_x87(const struct cpu *c, uint8_t *p, bool rexw)
{
    const struct x87 *f = &c->x87;
    put16(p, f->fcw);
    put16(p + 2, f->fsw);
    p[4] = f->ftw;
    put16(p + 6, f->fop);
    if (rexw) {
        put64(p + 8, f->fip);
        put64(p + 16, f->fdp);
    } else {
        put32(p + 8, (uint32_t)f->fip);
        put16(p + 12, f->fcs);
        put32(p + 16, (uint32_t)f->fdp);
        put16(p + 20, f->fds);
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(p + 32 + 16 * i, f->st[x87_physical(f, i)].u8, 10);
}

enum step fpu_fxsave(struct cpu *c, const struct uop *u)
{
    uint64_t lin = uop_ea(c, u);
    uint8_t area[FX_SIZE] = {0};
    bool sse = (c->cr4 & CR4_OSFXSR) != 0;
    unsigned vectors = !sse ? 0 : u->aux & FPU_LONG ? 16 : 8;
    if ((lin & 15) != 0)
        return raise_gp(c, 0);
    if (!fpu_area_ok(c, u, lin, FX_SIZE, MMU_WRITE))
        return STEP_FAULT;
    fpu_store_x87(c, area, (u->aux & FPU_REXW) != 0);
    if (sse) {
        put32(area + FX_MXCSR, fpu_mxcsr_read(c));
        put32(area + FX_MXCSR + 4, MXCSR_VALID);
    }
    for (unsigned i = 0; i < vectors; i++)
        memcpy(area + FX_XMM + 16 * i, c->v[i].u8, 16);
    /* Bytes 24-31 are not written without OSFXSR. */
    bool ok =
        sse ? fpu_area_write(c, u, lin, FX_XMM + 16 * vectors, area)
            : fpu_area_write(c, u, lin, FX_MXCSR, area) &&
                  fpu_area_write(c, u, lin + 32, FX_X87_END - 32, area + 32);
    return ok ? STEP_NEXT : STEP_FAULT;
}

void fpu_load_x87(struct cpu *c, const uint8_t *p, bool rexw)
{
    struct x87 *f = &c->x87;
    f->fcw = (uint16_t)(get16(p) & X87_CW_VALID) | X87_CW_FIXED;
    f->fsw = (uint16_t)get16(p + 2);
    f->ftw = p[4];
    f->fop = get16(p + 6) & 0x7ff;
    f->fip = rexw ? get64(p + 8) : get32(p + 8);
    f->fdp = rexw ? get64(p + 16) : get32(p + 16);
    f->fcs = f->fds = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = x87_physical(f, i);
        f->st[n].u64[1] = 0;
        memcpy(f->st[n].u8, p + 32 + 16 * i, 10);
    }
    x87_update_summary(f);
    x87_host_clear();
}

enum step fpu_fxrstor(struct cpu *c, const struct uop *u)
{
    uint64_t lin = uop_ea(c, u);
    uint8_t area[FX_SIZE];
    bool sse = (c->cr4 & CR4_OSFXSR) != 0;
    unsigned vectors = !sse ? 0 : u->aux & FPU_LONG ? 16 : 8;
    if ((lin & 15) != 0)
        return raise_gp(c, 0);
    if (!fpu_area_ok(c, u, lin, FX_SIZE, MMU_READ) ||
        !fpu_area_read(c, u, lin, FX_XMM + 16 * vectors, area))
        return STEP_FAULT;
    uint32_t mxcsr = get32(area + FX_MXCSR);
    if (sse && (mxcsr & ~(uint32_t)MXCSR_VALID) != 0)
        return raise_gp(c, 0);
    fpu_load_x87(c, area, (u->aux & FPU_REXW) != 0);
    for (unsigned i = 0; i < vectors; i++)
        memcpy(c->v[i].u8, area + FX_XMM + 16 * i, 16);
    if (sse)
        fpu_mxcsr_write(c, mxcsr);
    return STEP_NEXT;
}

/* --- x87 environment and state --- */

static void env32_store(const struct x87 *f, uint8_t *p, bool protected_mode)
{
    put32(p, 0xffff0000 | f->fcw);
    put32(p + 4, 0xffff0000 | f->fsw);
    put32(p + 8, 0xffff0000 | x87_full_tags(f));
    if (protected_mode) {
        put32(p + 12, (uint32_t)f->fip);
        put32(p + 16, f->fcs | (uint32_t)f->fop << 16);
        put32(p + 20, (uint32_t)f->fdp);
        put32(p + 24, 0xffff0000 | f->fds);
        return;
    }
    uint32_t ip = (uint32_t)f->fip, dp = (uint32_t)f->fdp;
    put32(p + 12, 0xffff0000 | (ip & 0xffff));
    put32(p + 16, ip >> 16 << 12 | f->fop);
    put32(p + 20, 0xffff0000 | (dp & 0xffff));
    put32(p + 24, dp >> 16 << 12);
}

static void env16_store(const struct x87 *f, uint8_t *p, bool protected_mode)
{
    uint32_t ip = (uint32_t)f->fip, dp = (uint32_t)f->fdp;
    put16(p, f->fcw);
    put16(p + 2, f->fsw);
    put16(p + 4, x87_full_tags(f));
    put16(p + 6, ip);
    put16(p + 8, protected_mode ? f->fcs : (ip >> 16 & 0xf) << 12 | f->fop);
    put16(p + 10, dp);
    put16(p + 12, protected_mode ? f->fds : (dp >> 16 & 0xf) << 12);
}

static void env32_load(struct x87 *f, const uint8_t *p, bool protected_mode)
{
    if (protected_mode) {
        f->fip = get32(p + 12);
        f->fop = get32(p + 16) >> 16 & 0x7ff;
        f->fdp = get32(p + 20);
        return;
    }
    f->fip = get16(p + 12) | (get32(p + 16) >> 12 & 0xffff) << 16;
    f->fop = get32(p + 16) & 0x7ff;
    f->fdp = get16(p + 20) | (get32(p + 24) >> 12 & 0xffff) << 16;
}

static void env16_load(struct x87 *f, const uint8_t *p, bool protected_mode)
{
    uint32_t high_ip = get16(p + 8) >> 12, high_dp = get16(p + 12) >> 12;
    f->fip = get16(p + 6) | (protected_mode ? 0 : high_ip << 16);
    f->fdp = get16(p + 10) | (protected_mode ? 0 : high_dp << 16);
    if (!protected_mode)
        f->fop = get16(p + 8) & 0x7ff;
}

static unsigned env_size(const struct uop *u)
{
    return u->aux & FPU_16 ? ENV16 : ENV32;
}

static void env_store(const struct cpu *c, const struct uop *u, uint8_t *p)
{
    bool protected_mode = (u->aux & FPU_PROT) != 0;
    if (u->aux & FPU_16)
        env16_store(&c->x87, p, protected_mode);
    else
        env32_store(&c->x87, p, protected_mode);
}

static void env_load(struct cpu *c, const struct uop *u, const uint8_t *p)
{
    struct x87 *f = &c->x87;
    bool protected_mode = (u->aux & FPU_PROT) != 0;
    unsigned step = u->aux & FPU_16 ? 2 : 4;
    f->fcw = (uint16_t)(get16(p) & X87_CW_VALID) | X87_CW_FIXED;
    f->fsw = (uint16_t)get16(p + step);
    x87_set_full_tags(f, get16(p + 2 * step));
    f->fcs = f->fds = 0;
    if (u->aux & FPU_16)
        env16_load(f, p, protected_mode);
    else
        env32_load(f, p, protected_mode);
    x87_update_summary(f);
    x87_host_clear();
}

enum step fpu_fnstenv(struct cpu *c, const struct uop *u)
{
    uint64_t lin = uop_ea(c, u);
    uint8_t area[ENV32];
    env_store(c, u, area);
    if (!fpu_area_ok(c, u, lin, env_size(u), MMU_WRITE) ||
        !fpu_area_write(c, u, lin, env_size(u), area))
        return STEP_FAULT;
    if (PLANTED(c, PLANT_FNSTENV_MASKS))
        return STEP_NEXT;
    c->x87.fcw |= X87_EXCEPTIONS;
    x87_update_summary(&c->x87);
    return STEP_NEXT;
}

enum step fpu_fldenv(struct cpu *c, const struct uop *u)
{
    uint8_t area[ENV32];
    if (fpu_x87_pending(c))
        return fpu_pending(c);
    if (!fpu_area_ok(c, u, uop_ea(c, u), env_size(u), MMU_READ) ||
        !fpu_area_read(c, u, uop_ea(c, u), env_size(u), area))
        return STEP_FAULT;
    env_load(c, u, area);
    return STEP_NEXT;
}

enum step fpu_fnsave(struct cpu *c, const struct uop *u)
{
    uint64_t lin = uop_ea(c, u);
    uint8_t area[STATE_MAX];
    unsigned size = env_size(u);
    env_store(c, u, area);
    for (unsigned i = 0; i < 8; i++, size += 10)
        memcpy(area + size, c->x87.st[x87_physical(&c->x87, i)].u8, 10);
    if (!fpu_area_ok(c, u, lin, size, MMU_WRITE) ||
        !fpu_area_write(c, u, lin, size, area))
        return STEP_FAULT;
    x87_init(&c->x87);
    return STEP_NEXT;
}

enum step fpu_frstor(struct cpu *c, const struct uop *u)
{
    uint8_t area[STATE_MAX];
    unsigned env = env_size(u);
    if (fpu_x87_pending(c))
        return fpu_pending(c);
    if (!fpu_area_ok(c, u, uop_ea(c, u), env + 80, MMU_READ) ||
        !fpu_area_read(c, u, uop_ea(c, u), env + 80, area))
        return STEP_FAULT;
    env_load(c, u, area);
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = x87_physical(&c->x87, i);
        c->x87.st[n].u64[1] = 0;
        memcpy(c->x87.st[n].u8, area + env + 10 * i, 10);
    }
    return STEP_NEXT;
}
