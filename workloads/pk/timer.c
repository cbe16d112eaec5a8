/* SPDX-License-Identifier: Apache-2.0
 * The TSC as the clock, and the local APIC: its timer and its messages.
 */
#include "workloads/pk/pk.h"

#define APIC_ADDR      0xfee00000ull
#define APIC_EOI       0xb0
#define APIC_SVR       0xf0
#define APIC_ICR_LOW   0x300
#define APIC_ICR_HIGH  0x310
#define APIC_LVT_TIMER 0x320
#define APIC_INITIAL   0x380
#define APIC_CURRENT   0x390
#define APIC_DIVIDE    0x3e0

#define PIT_HZ 1193182ull
#define NS     1000000000ull

static u64 apic_per_tick; /* APIC timer counts per TSC tick, 32.32 */

static u32 apic_read(u64 reg)
{
    return *(volatile u32 *)direct(APIC_ADDR + reg);
}

static void apic_write(u64 reg, u32 v)
{
    *(volatile u32 *)direct(APIC_ADDR + reg) = v;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

void apic_send(u32 apic_id, u32 command)
{
    while (apic_read(APIC_ICR_LOW) & 1u << 12)
        cpu_pause();
    apic_write(APIC_ICR_HIGH, apic_id << 24);
    apic_write(APIC_ICR_LOW, command);
}

u64 time_ticks(void)
{
    return tsc_read();
}

u64 time_ns(u64 ticks)
{
    u64 hz = params.tsc_hz;

    return ticks / hz * NS + ticks % hz * NS / hz;
}

u64 time_to_ticks(u64 ns)
{
    u64 seconds = ns / NS;

    if (seconds > 1ull << 30) /* beyond what 64 bits of ticks can tell */
        return 1ull << 62;
    return seconds * params.tsc_hz + ns % NS * params.tsc_hz / NS;
}

/* Ticks in 10 ms by channel 2 of the PIT; 0 if it does not count. */
static u64 measure_tsc(void)
{
    u16 count = (u16)(PIT_HZ / 100);
    u8 gate = in8(0x61);

    out8(0x61, (u8)((gate & ~2) | 1));
    out8(0x43, 0xb0); /* channel 2, both bytes, mode 0 */
    out8(0x42, (u8)count);
    out8(0x42, (u8)(count >> 8));
    u64 start = tsc_read();
    for (unsigned i = 0; i < 100000000; i++) {
        if (in8(0x61) & 0x20) {
            u64 ticks = tsc_read() - start;
            out8(0x61, gate);
            return ticks * 100;
        }
    }
    return 0;
}

/* CPUID leaf 15H: TSC/crystal ratio EBX/EAX and the crystal's ECX hertz. */
static u64 tsc_from_cpuid(void)
{
    if (cpuid(0, 0).a < 0x15)
        return 0;
    struct cpuid r = cpuid(0x15, 0);
    return r.a && r.b && r.c ? (u64)r.c * r.b / r.a : 0;
}

static u64 measure_apic(void)
{
    u64 wait = params.tsc_hz / 1000, start = tsc_read();

    apic_write(APIC_INITIAL, UINT32_MAX);
    while (tsc_read() - start < wait)
        cpu_pause();
    u64 counted = UINT32_MAX - apic_read(APIC_CURRENT);
    apic_write(APIC_INITIAL, 0);
    return counted * 1000;
}

void time_init(void)
{
    if (!params.tsc_hz)
        params.tsc_hz = tsc_from_cpuid();
    if (!params.tsc_hz)
        params.tsc_hz = measure_tsc();
    if (params.tsc_hz < 1000000 || params.tsc_hz > 10000000000)
        pk_panic("no usable clock: the TSC seems to run at %lu Hz",
                 params.tsc_hz);
}

void timer_init_cpu(void)
{
    if (!(cpuid(1, 0).d & 1u << 9))
        pk_panic("the processor has no local APIC");
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | 1u << 11);
    apic_write(APIC_SVR, 0x100 | VECTOR_SPURIOUS);
    apic_write(APIC_DIVIDE, 0xb); /* by 1 */
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    if (!params.apic_hz)
        params.apic_hz = measure_apic();
    if (!params.apic_hz)
        pk_panic("the timer of the local APIC does not count");
    if (!apic_per_tick)
        apic_per_tick = (params.apic_hz << 29) / params.tsc_hz << 3;
}

void timer_arm(u64 at)
{
    u64 now = time_ticks(), count = 0;

    if (at != NEVER) {
        u64 delta = at > now ? at - now : 0;
        unsigned __int128 wide = (unsigned __int128)delta * apic_per_tick;
        count = min64((u64)min64((u64)(wide >> 32), UINT32_MAX - 1) + 1,
                      UINT32_MAX);
        if (wide >> 96)
            count = UINT32_MAX;
    }
    apic_write(APIC_INITIAL, (u32)count);
}
