/* SPDX-License-Identifier: Apache-2.0
 * Extended state of programs (x87, SSE, AVX): enabling it, a task's copy,
 * and the part of a signal frame that holds it, laid out as Linux does.
 *
 * With XSAVE the standard format is used, so that a copy is a signal frame's
 * as it stands; without it FXSAVE.
 */
#include "workloads/pk/pk.h"

#define XSTATE_SUPPORTED 7ull /* x87, SSE, AVX */
#define XSTATE_AVX       4ull
#define LEGACY_BYTES     512u
#define HEADER_BYTES     64u
#define FRAME_MAGIC1     0x46505853u
#define FRAME_MAGIC2     0x46505845u

/* The bytes of the legacy area that are left to software. */
struct software {
    u32 magic1;        /* FRAME_MAGIC1: there is more than FXSAVE's area */
    u32 extended_size; /* of the frame, the second magic number included */
    u64 features;      /* components in it */
    u32 size;          /* of the XSAVE area */
    u32 pad[7];
};
#define AT_SOFTWARE 464u
_Static_assert(sizeof(struct software) == LEGACY_BYTES - AT_SOFTWARE, "Linux");

static u64 mask; /* XCR0; 0 without XSAVE */
static u32 area_bytes = LEGACY_BYTES;

void fpu_init(void)
{
    if (!(cpuid(1, 0).c >> 26 & 1))
        return;
    mask = cpuid(0xd, 0).a & XSTATE_SUPPORTED;
    area_bytes = LEGACY_BYTES + HEADER_BYTES;
    if (mask & XSTATE_AVX) {
        struct cpuid avx = cpuid(0xd, 2);
        area_bytes = avx.a + avx.b;
    }
}

u64 fpu_cr4(void)
{
    return mask ? CR4_OSXSAVE : 0;
}

void fpu_init_cpu(void)
{
    if (mask)
        __asm__ volatile("xsetbv"
                         :
                         : "c"(0), "a"((u32)mask), "d"((u32)(mask >> 32)));
}

u8 *fpu_new(void)
{
    return kzalloc(area_bytes); /* aligned to 64 bytes by its size */
}

void fpu_copy(u8 *to, const u8 *from)
{
    memcpy(to, from, area_bytes);
}

void fpu_save(u8 *area)
{
    if (mask)
        __asm__ volatile("xsave64 (%0)"
                         :
                         : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
                         : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void fpu_load(const u8 *area)
{
    if (mask)
        __asm__ volatile("xrstor64 (%0)"
                         :
                         : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
                         : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

void fpu_reset(u8 *area)
{
    u16 control = 0x37f;
    u32 mxcsr = 0x1f80;

    memset(area, 0, area_bytes);
    memcpy(area, &control, sizeof control);
    memcpy(area + 24, &mxcsr, sizeof mxcsr);
    fpu_load(area);
}

/* ---- signal frames ---- */

u64 fpu_frame_bytes(void)
{
    return mask ? area_bytes + sizeof(u32) : LEGACY_BYTES;
}

bool fpu_frame_extended(void)
{
    return mask != 0;
}

s64 fpu_frame_write(u64 at, u8 *area)
{
    struct software sw = {0};
    u32 magic2 = FRAME_MAGIC2;

    if (mask) {
        sw.magic1 = FRAME_MAGIC1;
        sw.extended_size = (u32)fpu_frame_bytes();
        sw.features = mask;
        sw.size = area_bytes;
    }
    memcpy(area + AT_SOFTWARE, &sw, sizeof sw);
    if (copy_to_user(at, area, area_bytes))
        return -EFAULT;
    return mask ? PUT_USER(at + area_bytes, &magic2) : 0;
}

/* MXCSR without the bits that would fault. */
static void clean_mxcsr(u8 *area)
{
    u8 now[LEGACY_BYTES] __attribute__((aligned(16)));
    u32 mxcsr, valid;

    __asm__ volatile("fxsave64 %0" : "=m"(now));
    memcpy(&valid, now + 28, sizeof valid);
    memcpy(&mxcsr, area + 24, sizeof mxcsr);
    mxcsr &= valid ? valid : 0xffbf;
    memcpy(area + 24, &mxcsr, sizeof mxcsr);
}

/* The components a frame says it holds: all but x87 and SSE need both magic
 * numbers and sizes that agree. */
static u64 frame_features(u64 at, const u8 *area)
{
    struct software sw;
    u32 magic2 = 0;

    memcpy(&sw, area + AT_SOFTWARE, sizeof sw);
    if (sw.magic1 != FRAME_MAGIC1 || sw.size != area_bytes ||
        sw.extended_size < sw.size || GET_USER(&magic2, at + sw.size) ||
        magic2 != FRAME_MAGIC2)
        return 0;
    return sw.features;
}

s64 fpu_frame_read(u8 *area, u64 at)
{
    u64 header[HEADER_BYTES / 8] = {XSTATE_SUPPORTED & 3};

    if (copy_from_user(area, at, LEGACY_BYTES))
        return -EFAULT;
    clean_mxcsr(area);
    if (mask) {
        u64 features = frame_features(at, area);
        if (features && copy_from_user(area, at, area_bytes))
            return -EFAULT;
        clean_mxcsr(area);
        if (features)
            memcpy(header, area + LEGACY_BYTES, sizeof header);
        header[0] &= features ? features & mask : 3;
        /* A compacted area or a reserved byte would fault. */
        for (unsigned i = 1; i < ARRAY(header); i++)
            if (header[i])
                return -EFAULT;
        memcpy(area + LEGACY_BYTES, header, sizeof header);
    }
    fpu_load(area);
    return 0;
}
