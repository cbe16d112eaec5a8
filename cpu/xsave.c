/* SPDX-License-Identifier: Apache-2.0
 * The XSAVE feature set. SDM Vol.1 "Managing State Using the XSAVE Feature
 * Set".
 *
 * Init optimisation: a component is in use (XINUSE) exactly when its
 * registers differ from their initial configuration, which depends on
 * nothing but the registers. Modified optimisation: the manual lets a
 * processor take any component for modified, and this one always does.
 *
 * Check, then commit: an instruction first finds out which parts of the area
 * it touches, then whether they can be touched, then moves them.
 */
#include "cpu/xsave.h"

#include "cpu/cpuid.h"
#include "cpu/fpu.h"
#include "cpu/fpu_save.h"
#include "cpu/mem.h"
#include "cpu/plant.h"
#include "cpu/x87.h"
#include "cpu/xlat.h"
#include "sim/base/bits.h"

#include <string.h>

/* The XSAVE area: SDM "Legacy Region of an XSAVE Area", "XSAVE Header". */
enum {
    AT_X87 = 0,
    X87_HEAD = 24,
    AT_MXCSR = 24,
    AT_ST = 32,
    ST_BYTES = 128,
    AT_XMM = 160,
    AT_HEADER = 512,
    HEADER_BYTES = 64,
    AT_EXTENDED = 576,
    AVX_BYTES = 256,
    PKRU_BYTES = 8,
    /* Where parts lie that have MPX and AVX-512 between AVX and PKRU. */
    AT_PKRU_INTEL = 2688,
    AT_PKRU_AMD = 2432,
    AREA_MAX = AT_PKRU_INTEL + PKRU_BYTES,
    SPANS_MAX = 8,
};
#define XCOMP_COMPACT BIT(63)

/* A component of the extended region. None asks for alignment. */
struct component {
    uint8_t number;
    uint8_t feature;
    uint16_t bytes;
    uint16_t at[2]; /* standard format; by vendor */
};

static const struct component extended[] = {
    {2, FEATURE_AVX, AVX_BYTES, {AT_EXTENDED, AT_EXTENDED}},
    {9, FEATURE_PKU, PKRU_BYTES, {AT_PKRU_INTEL, AT_PKRU_AMD}},
};
enum { EXTENDED = sizeof extended / sizeof extended[0] };

uint64_t xsave_user_components(const struct cpu *c)
{
    uint64_t mask = XSTATE_X87 | XSTATE_SSE;
    for (unsigned i = 0; i < EXTENDED; i++)
        if (cpu_has(c, (enum cpu_feature)extended[i].feature))
            mask |= BIT(extended[i].number);
    return mask;
}

uint64_t xsave_system_components(const struct cpu *c)
{
    (void)c;
    return 0;
}

/* Offset of a component; compacted after those of `compact` before it. */
static unsigned offset_of(const struct cpu *c, unsigned i, uint64_t compact)
{
    unsigned at = AT_EXTENDED;
    if ((compact & XCOMP_COMPACT) == 0)
        return extended[i].at[c->config.vendor == VENDOR_AMD];
    for (unsigned k = 0; k < i; k++)
        if ((compact >> extended[k].number & 1) != 0)
            at += extended[k].bytes;
    return at;
}

/* Bytes of an area that holds `components`. */
static unsigned area_size(const struct cpu *c, uint64_t components,
                          uint64_t format)
{
    unsigned size = AT_EXTENDED;
    for (unsigned i = 0; i < EXTENDED; i++)
        if ((components >> extended[i].number & 1) != 0)
            size = offset_of(c, i, components | format) + extended[i].bytes;
    return size;
}

/* ----------------------------------------------------------------- CPUID */

static void cpuid_component(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    for (unsigned i = 0; i < EXTENDED; i++) {
        if (extended[i].number != sub ||
            !cpu_has(c, (enum cpu_feature)extended[i].feature))
            continue;
        out[CPUID_EAX] = extended[i].bytes;
        out[CPUID_EBX] = offset_of(c, i, 0);
    }
}

void xsave_cpuid(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    uint64_t user = xsave_user_components(c);
    uint64_t system = xsave_system_components(c);
    if (!cpu_has(c, FEATURE_XSAVE))
        return;
    if (sub == 0) {
        out[CPUID_EAX] = (uint32_t)user;
        out[CPUID_EBX] = area_size(c, c->xcr0, 0);
        out[CPUID_ECX] = area_size(c, user, 0);
        out[CPUID_EDX] = (uint32_t)(user >> 32);
    } else if (sub == 1) {
        if (cpu_has(c, FEATURE_XSAVEC))
            out[CPUID_EBX] = area_size(c, c->xcr0 | c->xss, XCOMP_COMPACT);
        out[CPUID_ECX] = (uint32_t)system;
        out[CPUID_EDX] = (uint32_t)(system >> 32);
    } else {
        cpuid_component(c, sub, out);
    }
}

/* ---------------------------------------------------------------- XINUSE */

static bool is_zero(const void *p, size_t n)
{
    const uint8_t *at = p;
    for (size_t i = 0; i < n; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static bool x87_initial(const struct x87 *f)
{
    return f->fcw == FCW_INIT && f->fsw == 0 && f->ftw == 0 && f->fop == 0 &&
           f->fip == 0 && f->fdp == 0 && f->fcs == 0 && f->fds == 0 &&
           is_zero(f->st, sizeof f->st);
}

/* Vector registers that the present mode has. */
static unsigned vectors(uint32_t mode)
{
    return mode & MODE_LONG ? 16 : 8;
}

uint64_t xsave_in_use(const struct cpu *c)
{
    uint64_t used = x87_initial(&c->x87) ? 0 : XSTATE_X87;
    for (unsigned i = 0; i < vectors(c->mode); i++) {
        if (!is_zero(c->v[i].u8, 16))
            used |= XSTATE_SSE;
        if (!is_zero(c->v[i].u8 + 16, 16))
            used |= XSTATE_AVX;
    }
    return used | (c->pkru != 0 ? XSTATE_PKRU : 0);
}

/* ------------------------------------------------------- XGETBV, XSETBV */

enum step sys_xgetbv(struct cpu *c, const struct uop *u)
{
    uint32_t number = (uint32_t)c->gpr[REG_RCX];
    uint64_t v = c->xcr0;
    (void)u;
    if (number > 1 || (number == 1 && !cpu_has(c, FEATURE_XGETBV1)))
        return raise_gp(c, 0);
    if (number == 1)
        v &= xsave_in_use(c);
    c->gpr[REG_RAX] = (uint32_t)v;
    c->gpr[REG_RDX] = v >> 32;
    return STEP_NEXT;
}

enum step sys_xsetbv(struct cpu *c, const struct uop *u)
{
    uint64_t v = (uint32_t)c->gpr[REG_RAX] | c->gpr[REG_RDX] << 32;
    (void)u;
    if ((uint32_t)c->gpr[REG_RCX] != 0 || (v & XSTATE_X87) == 0 ||
        (v & ~xsave_user_components(c)) != 0 ||
        ((v & XSTATE_AVX) != 0 && (v & XSTATE_SSE) == 0 &&
         !PLANTED(c, PLANT_SYS_XCR0_AVX_ALONE)))
        return raise_gp(c, 0);
    c->xcr0 = v;
    cpu_update_mode(c);
    return STEP_NEXT;
}

/* ---------------------------------------------------------------- areas */

/* The parts of an area that an instruction touches, in order. */
struct area {
    uint64_t lin;
    unsigned spans;
    struct {
        uint16_t at, bytes;
    } span[SPANS_MAX];
    uint8_t bytes[AREA_MAX];
};

static void add_span(struct area *a, unsigned at, unsigned bytes)
{
    a->span[a->spans].at = (uint16_t)at;
    a->span[a->spans++].bytes = (uint16_t)bytes;
}

static uint64_t get64(const struct area *a, unsigned at)
{
    uint64_t v;
    memcpy(&v, a->bytes + at, 8);
    return v;
}

static void put64(struct area *a, unsigned at, uint64_t v)
{
    memcpy(a->bytes + at, &v, 8);
}

/* The parts of `components`, and of MXCSR besides, without the header. */
static void add_components(const struct cpu *c, struct area *a,
                           uint64_t components, bool mxcsr, uint64_t compact)
{
    if (components & XSTATE_X87)
        add_span(a, AT_X87, X87_HEAD);
    if (mxcsr)
        add_span(a, AT_MXCSR, 8);
    if (components & XSTATE_X87)
        add_span(a, AT_ST, ST_BYTES);
    if (components & XSTATE_SSE)
        add_span(a, AT_XMM, 16 * vectors(c->mode));
    for (unsigned i = 0; i < EXTENDED; i++) {
        if ((components >> extended[i].number & 1) == 0)
            continue;
        unsigned bytes =
            extended[i].number == 2 ? 16 * vectors(c->mode) : extended[i].bytes;
        add_span(a, offset_of(c, i, compact), bytes);
    }
}

static bool spans_ok(struct cpu *c, const struct uop *u, const struct area *a,
                     enum mmu_access access)
{
    for (unsigned i = 0; i < a->spans; i++)
        if (!fpu_area_ok(c, u, a->lin + a->span[i].at, a->span[i].bytes,
                         access))
            return false;
    return true;
}

static bool spans_write(struct cpu *c, const struct uop *u,
                        const struct area *a)
{
    for (unsigned i = 0; i < a->spans; i++)
        if (!fpu_area_write(c, u, a->lin + a->span[i].at, a->span[i].bytes,
                            a->bytes + a->span[i].at))
            return false;
    return true;
}

static bool spans_read(struct cpu *c, const struct uop *u, struct area *a)
{
    for (unsigned i = 0; i < a->spans; i++)
        if (!fpu_area_read(c, u, a->lin + a->span[i].at, a->span[i].bytes,
                           a->bytes + a->span[i].at))
            return false;
    return true;
}

/* The requested-feature bitmap. */
static uint64_t requested(const struct cpu *c, const struct uop *u)
{
    uint64_t mask = (uint32_t)c->gpr[REG_RAX] | c->gpr[REG_RDX] << 32;
    uint64_t enabled = c->xcr0;
    if (u->aux & XSAVE_SYSTEM)
        enabled |= c->xss;
    return mask & enabled;
}

/* --------------------------------------------------------------- saving */

/* Register contents of `components` into the image of the area. */
static void gather(struct cpu *c, const struct uop *u, struct area *a,
                   uint64_t components, uint64_t compact)
{
    memset(a->bytes, 0, AT_XMM);
    if (components & XSTATE_X87)
        fpu_store_x87(c, a->bytes, (u->aux & FPU_REXW) != 0);
    put64(a, AT_MXCSR, fpu_mxcsr_read(c) | (uint64_t)MXCSR_VALID << 32);
    for (unsigned i = 0; i < vectors(c->mode); i++)
        memcpy(a->bytes + AT_XMM + 16 * i, c->v[i].u8, 16);
    unsigned avx = offset_of(c, 0, compact), pkru = offset_of(c, 1, compact);
    if (components & XSTATE_AVX)
        for (unsigned i = 0; i < vectors(c->mode); i++)
            memcpy(a->bytes + avx + 16 * i, c->v[i].u8 + 16, 16);
    if (components & XSTATE_PKRU)
        put64(a, pkru, c->pkru);
}

/*
 * XSAVE, XSAVEOPT, XSAVEC, XSAVES. MXCSR belongs to SSE, yet the standard
 * format also saves it for AVX and exempts it from the init optimisation;
 * the compacted format saves all of SSE when MXCSR is not its initial value.
 */
enum step sys_xsave(struct cpu *c, const struct uop *u)
{
    struct area a = {.lin = uop_ea(c, u)};
    bool packed = (u->aux & XSAVE_COMPACT) != 0;
    uint64_t rfbm = requested(c, u), in_use = xsave_in_use(c), save = rfbm;
    if ((a.lin & 63) != 0)
        return raise_gp(c, 0);
    if (packed && fpu_mxcsr_read(c) != MXCSR_RESET &&
        !PLANTED(c, PLANT_XSAVEC_MXCSR))
        in_use |= XSTATE_SSE;
    if (u->aux & XSAVE_INIT)
        save &= in_use;
    uint64_t compact = packed ? rfbm | XCOMP_COMPACT : 0;
    bool mxcsr = packed ? (save & XSTATE_SSE) != 0
                        : (rfbm & (XSTATE_SSE | XSTATE_AVX)) != 0;
    add_components(c, &a, save, mxcsr, compact);
    add_span(&a, AT_HEADER, packed ? 16 : 8);
    gather(c, u, &a, save, compact);
    if (!spans_ok(c, u, &a, MMU_WRITE))
        return STEP_FAULT;
    uint64_t old = 0;
    if (!packed &&
        !fpu_area_read(c, u, a.lin + AT_HEADER, 8, a.bytes + AT_HEADER))
        return STEP_FAULT;
    if (!packed)
        old = get64(&a, AT_HEADER) & ~rfbm;
    put64(&a, AT_HEADER, old | (rfbm & in_use));
    put64(&a, AT_HEADER + 8, compact);
    return spans_write(c, u, &a) ? STEP_NEXT : STEP_FAULT;
}

/* ------------------------------------------------------------ restoring */

/* SDM Vol.1 "Standard Form of XRSTOR", "Compacted Form of XRSTOR",
 * "Operation of XRSTORS". */
static bool header_ok(const struct cpu *c, const struct uop *u,
                      const struct area *a)
{
    uint64_t bv = get64(a, AT_HEADER), comp = get64(a, AT_HEADER + 8);
    uint64_t enabled = c->xcr0;
    if (u->aux & XSAVE_SYSTEM)
        enabled |= c->xss;
    if ((comp & XCOMP_COMPACT) == 0)
        return (u->aux & XSAVE_SYSTEM) == 0 && (bv & ~enabled) == 0 &&
               is_zero(a->bytes + AT_HEADER + 8, 16);
    return cpu_has(c, FEATURE_XSAVEC) &&
           (comp & ~XCOMP_COMPACT & ~enabled) == 0 && (bv & ~comp) == 0 &&
           (bv & XCOMP_COMPACT) == 0 &&
           is_zero(a->bytes + AT_HEADER + 16, HEADER_BYTES - 16);
}

static void init_x87(struct cpu *c)
{
    x87_init(&c->x87);
    memset(c->x87.st, 0, sizeof c->x87.st);
    x87_host_clear();
}

/* `load` from the image, the rest of `rfbm` to its initial configuration. */
static void scatter(struct cpu *c, const struct uop *u, const struct area *a,
                    uint64_t rfbm, uint64_t load, uint64_t compact)
{
    if (load & XSTATE_X87)
        fpu_load_x87(c, a->bytes, (u->aux & FPU_REXW) != 0);
    else if (rfbm & XSTATE_X87)
        init_x87(c);
    unsigned avx = offset_of(c, 0, compact);
    for (unsigned i = 0; i < vectors(c->mode); i++) {
        uint8_t *v = c->v[i].u8;
        if (load & XSTATE_SSE)
            memcpy(v, a->bytes + AT_XMM + 16 * i, 16);
        else if (rfbm & XSTATE_SSE)
            memset(v, 0, 16);
        if (load & XSTATE_AVX)
            memcpy(v + 16, a->bytes + avx + 16 * i, 16);
        else if ((rfbm & XSTATE_AVX) && !PLANTED(c, PLANT_XRSTOR_NO_INIT))
            memset(v + 16, 0, 16);
    }
    if (load & XSTATE_PKRU)
        c->pkru = (uint32_t)get64(a, offset_of(c, 1, compact));
    else if (rfbm & XSTATE_PKRU)
        c->pkru = 0;
}

/* XRSTOR, XRSTORS. The standard form loads MXCSR whenever SSE or AVX is
 * asked for, whatever XSTATE_BV says; the compacted form treats it as part
 * of SSE. */
enum step sys_xrstor(struct cpu *c, const struct uop *u)
{
    struct area a = {.lin = uop_ea(c, u)};
    uint64_t rfbm = requested(c, u);
    if ((a.lin & 63) != 0)
        return raise_gp(c, 0);
    if (!fpu_area_ok(c, u, a.lin + AT_HEADER, HEADER_BYTES, MMU_READ) ||
        !fpu_area_read(c, u, a.lin + AT_HEADER, HEADER_BYTES,
                       a.bytes + AT_HEADER))
        return STEP_FAULT;
    if (!header_ok(c, u, &a))
        return raise_gp(c, 0);
    uint64_t load = get64(&a, AT_HEADER) & rfbm;
    uint64_t compact = get64(&a, AT_HEADER + 8);
    bool packed = compact != 0;
    bool mxcsr = packed ? (load & XSTATE_SSE) != 0
                        : (rfbm & (XSTATE_SSE | XSTATE_AVX)) != 0;
    add_components(c, &a, load, mxcsr, compact);
    if (!spans_ok(c, u, &a, MMU_READ) || !spans_read(c, u, &a))
        return STEP_FAULT;
    uint32_t control = mxcsr ? (uint32_t)get64(&a, AT_MXCSR) : MXCSR_RESET;
    if ((control & ~(uint32_t)MXCSR_VALID) != 0)
        return raise_gp(c, 0);
    scatter(c, u, &a, rfbm, load, compact);
    if (mxcsr || (packed && (rfbm & XSTATE_SSE) != 0))
        fpu_mxcsr_write(c, control);
    if (rfbm & XSTATE_PKRU)
        cpu_update_mode(c);
    return STEP_NEXT;
}
