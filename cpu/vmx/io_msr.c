/* SPDX-License-Identifier: Apache-2.0
 * I/O and MSR instructions in VMX non-root operation: bitmaps, exits, and
 * MSRs that mean something else there. SDM Vol.3 "I/O-Bitmap Addresses",
 * "MSR-Bitmap Address", "Changes to Instruction Behavior in VMX Non-Root
 * Operation".
 */
#include "cpu/reset.h"
#include "cpu/vmx/vmx.h"
#include "sim/base/bits.h"

/* A bit of a bitmap. Where nothing is, the bus reads as ones. */
static bool bitmap_bit(struct cpu *c, uint64_t bitmap, uint32_t bit)
{
    uint8_t byte = UINT8_MAX;
    (void)vmx_phys_read(c, bitmap + bit / 8, 1, &byte);
    return (byte >> (bit & 7) & 1) != 0;
}

/* -------------------------------------------------------------------- I/O */

/* An access that wraps around exits whatever the bitmaps say. */
static bool io_exits(struct cpu *c, uint16_t port, unsigned size)
{
    const struct vmcs *v = &c->vmx->vmcs;
    if ((c->vmx->proc & PROC_IO_BITMAPS) == 0)
        return (c->vmx->proc & PROC_IO) != 0;
    if (port + size > 0x10000)
        return true;
    for (uint32_t p = port; p < port + size; p++)
        if (bitmap_bit(c, p < 0x8000 ? v->io_bitmap_a : v->io_bitmap_b,
                       p & 0x7fff))
            return true;
    return false;
}

static uint64_t io_qualification(const struct vmx_io *io)
{
    return (io->size - 1u) | (io->in ? 1u << 3 : 0) |
           (io->string ? 1u << 4 : 0) | (io->rep ? 1u << 5 : 0) |
           (io->immediate ? 1u << 6 : 0) | (uint64_t)io->port << 16;
}

/* Address size and, of OUTS, the segment; where the processor reports it. */
static uint32_t io_info(const struct cpu *c, const struct vmx_io *io)
{
    if (!io->string || !c->config.vtx.ins_outs_info)
        return 0;
    uint32_t size = io->address_size == 8 ? 2 : io->address_size == 4;
    return size << 7 | (uint32_t)io->segment << 15;
}

/* The exit comes before the checks of the segment: the address may be one
 * that no access has. */
static uint64_t io_linear(const struct cpu *c, const struct vmx_io *io)
{
    uint64_t base = c->seg[io->segment].base;
    if ((c->mode & MODE_LONG) == 0)
        return (uint32_t)(base + io->offset);
    bool based = io->segment == SEG_FS || io->segment == SEG_GS;
    return io->offset + (based ? base : 0);
}

enum step vmx_exit_io(struct cpu *c, const struct vmx_io *io)
{
    if (!io_exits(c, io->port, io->size))
        return STEP_NEXT;
    enum step s =
        vmx_exit_insn(c, REASON_IO, io_qualification(io), io_info(c, io));
    if (io->string)
        c->vmx->exit.linear = io_linear(c, io);
    return s;
}

/* ------------------------------------------------------------------- MSRs */

enum {
    MSR_TSC = 0x10,
    MSR_BIOS_UPDT_TRIG = 0x79,
    /* Parts of the MSR bitmap, in bytes. */
    BITMAP_READ_LOW = 0,
    BITMAP_READ_HIGH = 1024,
    BITMAP_WRITE_LOW = 2048,
    BITMAP_WRITE_HIGH = 3072,
};

static bool msr_exits(struct cpu *c, uint32_t number, bool write)
{
    uint64_t bitmap = c->vmx->vmcs.msr_bitmap;
    uint32_t low = number & 0x1fff;
    if ((c->vmx->proc & PROC_MSR_BITMAPS) == 0)
        return true;
    if (number == low)
        return bitmap_bit(
            c, bitmap + (write ? BITMAP_WRITE_LOW : BITMAP_READ_LOW), low);
    if (number == (UINT32_C(0xc0000000) | low))
        return bitmap_bit(
            c, bitmap + (write ? BITMAP_WRITE_HIGH : BITMAP_READ_HIGH), low);
    return true;
}

enum step vmx_rdmsr(struct cpu *c, uint32_t number, bool *done)
{
    *done = false;
    if (msr_exits(c, number, false))
        return vmx_exit_insn(c, REASON_MSR_READ, 0, 0);
    if (number == MSR_TSC) {
        uint64_t tsc = vmx_guest_tsc(c, cpu_tsc(c));
        c->gpr[REG_RAX] = (uint32_t)tsc;
        c->gpr[REG_RDX] = tsc >> 32;
        *done = true;
        return STEP_NEXT;
    }
    return vmx_apic_rdmsr(c, number, done);
}

/* A write of IA32_TIME_STAMP_COUNTER or IA32_TSC_DEADLINE is the processor's
 * own: offset and scaling do not matter to it. */
enum step vmx_wrmsr(struct cpu *c, uint32_t number, uint64_t v, bool *done)
{
    *done = false;
    if (msr_exits(c, number, true))
        return vmx_exit_insn(c, REASON_MSR_WRITE, 0, 0);
    if (number == MSR_BIOS_UPDT_TRIG) {
        *done = true; /* loads no update */
        return STEP_NEXT;
    }
    return vmx_apic_wrmsr(c, number, v, done);
}
