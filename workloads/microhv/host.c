/* SPDX-License-Identifier: Apache-2.0
 * The monitor's own processor state: descriptor tables, exceptions, and the
 * way into VMX operation.
 */
#include "workloads/microhv/hv.h"

volatile u8 nmi_waits;

extern u64 start_gdt[6];
extern char host_vectors[], host_nmi[];
extern char try_start[], try_end[], try_failed[];

static u8 tss[104] __attribute__((aligned(16)));
static struct {
    u64 low, high;
} idt[32] __attribute__((aligned(16)));

struct table_register {
    u16 limit;
    u64 base;
} __attribute__((packed));

u64 host_tss(void)
{
    return (u64)tss;
}

static void set_gate(unsigned n, const char *at)
{
    u64 to = (u64)at;

    idt[n].low = (to & 0xffff) | 0x10ull << 16 | 0x8e00ull << 32 |
                 (to >> 16 & 0xffff) << 48;
    idt[n].high = to >> 32;
}

void host_tables(void)
{
    u64 base = (u64)tss;
    struct table_register g = {sizeof start_gdt - 1, (u64)start_gdt};
    struct table_register i = {sizeof idt - 1, (u64)idt};

    for (unsigned n = 0; n < 32; n++)
        set_gate(n, host_vectors + 16 * n);
    set_gate(2, host_nmi);
    start_gdt[4] = (sizeof tss - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
                   (base >> 24 & 0xff) << 56;
    start_gdt[5] = base >> 32;
    __asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2"
                     :
                     : "m"(g), "m"(i), "r"(0x20)
                     : "memory");
}

void host_fault(u64 vector, u64 error, u64 *frame);

/* An access of start.S that may fault goes on at try_failed. */
void host_fault(u64 vector, u64 error, u64 *frame)
{
    if (vector == 13 && frame[0] >= (u64)try_start && frame[0] < (u64)try_end) {
        frame[0] = (u64)try_failed;
        return;
    }
    hv_panic("exception %lu, error %lx, at %lx, address %lx", vector, error,
             frame[0], cr2_read());
}

/* ---- VMX operation: SDM Vol.3 "Enabling and Entering VMX Operation" ---- */

void vmx_enable(void)
{
    if (!(cpuid(1, 0).c & 1u << 5))
        hv_panic("the processor has no VMX");
    u64 control = msr_read(MSR_FEATURE_CONTROL);
    if (!(control & FEATURE_LOCKED))
        msr_write(MSR_FEATURE_CONTROL, control | FEATURE_LOCKED | FEATURE_VMX);
    else if (!(control & FEATURE_VMX))
        hv_panic("IA32_FEATURE_CONTROL (%lx) locks VMX out", control);

    cr0_write((cr0_read() | msr_read(MSR_VMX_CR0_FIXED0)) &
              msr_read(MSR_VMX_CR0_FIXED1));
    u64 cr4 = (cr4_read() | msr_read(MSR_VMX_CR4_FIXED0)) &
              msr_read(MSR_VMX_CR4_FIXED1);
    if (cpuid(1, 0).c & 1u << 26) /* guests set XCR0 through the monitor */
        cr4 |= CR4_OSXSAVE;
    cr4_write(cr4);

    u64 region = page_take();
    *(u32 *)direct(region) = (u32)msr_read(MSR_VMX_BASIC) & 0x7fffffff;
    if (!vmx_on(region))
        hv_panic("VMXON fails");
}

bool vm_write_failed(enum vmcs_field field)
{
    hv_panic("VMWRITE of field %x fails with error %lu", field,
             vm_read(INSTRUCTION_ERROR));
}
