/* SPDX-License-Identifier: Apache-2.0
 * Floating-point control: the host's MXCSR stands for the guest's while
 * guest code runs, all exceptions masked. SDM Vol.1 "MXCSR Control and
 * Status Register", Vol.3 "Processor State After Reset".
 */
#include "cpu/fpu.h"

#include "cpu/event.h"
#include "cpu/x87.h"

#include <cpuid.h>
#include <string.h>
#include <xmmintrin.h>

enum { CR0_NE = 1 << 5 };

bool fpu_host_ok(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0 &&
           __builtin_cpu_supports("ssse3") != 0;
}

/* No compiler's builtin knows all names: CPUID leaf 1. F16C needs the AVX
 * state that the answer about AVX2 includes. */
static bool host_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0 &&
           __builtin_cpu_supports("avx2") != 0;
}

unsigned fpu_host_features(void)
{
    __builtin_cpu_init();
    return (__builtin_cpu_supports("avx2") ? HOST_AVX2 : 0u) |
           (__builtin_cpu_supports("fma") ? HOST_FMA : 0u) |
           (host_f16c() ? HOST_F16C : 0u) |
           (__builtin_cpu_supports("aes") ? HOST_AES : 0u) |
           (__builtin_cpu_supports("pclmul") ? HOST_PCLMULQDQ : 0u);
}

const char *fpu_host_lacks(const struct cpu_config *c, unsigned features,
                           const char **lacks)
{
    const struct {
        bool on;
        unsigned needs;
        const char *name, *host;
    } rows[] = {
        {c->avx, HOST_AVX2, "core.avx", "AVX2"},
        {c->avx2, HOST_AVX2, "core.avx2", "AVX2"},
        {c->fma, HOST_FMA, "core.fma", "FMA"},
        {c->f16c, HOST_F16C, "core.f16c", "F16C"},
        {c->aes, HOST_AES, "core.aes", "AES"},
        {c->pclmulqdq, HOST_PCLMULQDQ, "core.pclmulqdq", "PCLMULQDQ"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].on && (features & rows[i].needs) == 0) {
            *lacks = rows[i].host;
            return rows[i].name;
        }
    return NULL;
}

/* The host's MXCSR for guest value `v`: control bits, every mask, no flag. */
static unsigned host_value(uint32_t v)
{
    return (v & (MXCSR_DAZ | MXCSR_RC | MXCSR_FZ)) | MXCSR_MASKS;
}

void fpu_reset(struct cpu *c)
{
    memset(c->v, 0, sizeof c->v);
    memset(&c->x87, 0, sizeof c->x87);
    /* RESET# leaves ST0-ST7 +0.0 and, unlike FNINIT, their tags say so. */
    c->x87.fcw = FCW_RESET;
    c->x87.ftw = 0xff;
    c->mxcsr = MXCSR_RESET;
    if (c->fpu_entered) {
        x87_host_clear();
        _mm_setcsr(host_value(MXCSR_RESET));
    }
}

void fpu_enter(struct cpu *c)
{
    c->host_mxcsr = _mm_getcsr();
    c->fpu_entered = true;
    x87_host_clear();
    _mm_setcsr(host_value(c->mxcsr));
}

void fpu_leave(struct cpu *c)
{
    c->mxcsr |= _mm_getcsr() & MXCSR_FLAGS;
    c->fpu_entered = false;
    _mm_setcsr(c->host_mxcsr);
}

uint32_t fpu_mxcsr_read(struct cpu *c)
{
    if (c->fpu_entered)
        c->mxcsr |= _mm_getcsr() & MXCSR_FLAGS;
    return c->mxcsr;
}

void fpu_mxcsr_write(struct cpu *c, uint32_t v)
{
    bool was = (~c->mxcsr & MXCSR_MASKS) != 0;
    c->mxcsr = v;
    if (c->fpu_entered)
        _mm_setcsr(host_value(v));
    if (was != ((~v & MXCSR_MASKS) != 0))
        cpu_update_mode(c);
}

enum step fpu_pending(struct cpu *c)
{
    if ((c->cr0 & CR0_NE) == 0)
        return raise_unmodelled(c, "x87 exception with CR0.NE = 0 (FERR#)");
    return raise_exception(c, EXC_MF);
}
