/* SPDX-License-Identifier: Apache-2.0
 * What a debugger sees of translation, memory and VMX of a core: untimed, and
 * nothing changes but the bytes it writes.
 */
#include "cpu/debugger_view.h"

#include "cpu/control.h"
#include "mmu/memsys.h"
#include "sim/base/bits.h"

static bool has_vmcs(const struct cpu *c)
{
    return c->vmx->on && c->vmx->current != VMX_NO_VMCS;
}

bool debugger_in_guest(const struct cpu *c)
{
    return c->vmx_guest;
}

const char *debugger_activity(const struct cpu *c)
{
    switch (c->activity) {
    case ACTIVITY_RUN: return "running";
    case ACTIVITY_HLT: return "halted";
    case ACTIVITY_MWAIT: return "waiting for a store";
    case ACTIVITY_WAIT_SIPI: return "waiting for SIPI";
    case ACTIVITY_SHUTDOWN:
    case ACTIVITY_GUEST_SHUTDOWN: return "shut down";
    }
    return "";
}

bool debugger_own_view(const struct cpu *c, enum debug_view v)
{
    return v == DEBUG_VIEW_CORE || (v == DEBUG_VIEW_GUEST) == c->vmx_guest;
}

bool debugger_has_view(const struct cpu *c, enum debug_view v)
{
    return debugger_own_view(c, v) || has_vmcs(c);
}

/* EFER as the transition would leave it: from the VMCS when that holds it,
 * else the core's with the mode bits of the control. */
static uint64_t efer_of(const struct cpu *c, bool loaded, uint64_t value,
                        bool ia32e)
{
    uint64_t mode = EFER_LMA | EFER_LME;
    return loaded ? value : (c->efer & ~mode) | (ia32e ? mode : 0);
}

uint64_t debugger_view_efer(const struct cpu *c, enum debug_view v)
{
    const struct vmcs *s = &c->vmx->vmcs;
    if (debugger_own_view(c, v))
        return c->efer;
    if (v == DEBUG_VIEW_ROOT)
        return efer_of(c, (s->exit_controls & EXIT_LOAD_EFER) != 0,
                       s->host_efer, (s->exit_controls & EXIT_HOST64) != 0);
    return efer_of(c, (s->entry_controls & ENTRY_LOAD_EFER) != 0, s->guest_efer,
                   (s->entry_controls & ENTRY_IA32E) != 0);
}

/* The context of the side of VMX that is not running. */
static struct mmu_context other_context(const struct cpu *c, enum debug_view v)
{
    const struct vmcs *s = &c->vmx->vmcs;
    struct mmu_context x = {.apic_page = MMU_NO_PAGE, .pat = c->msr.pat};
    x.efer = debugger_view_efer(c, v);
    if (v == DEBUG_VIEW_ROOT) {
        x.cr0 = s->host_cr0;
        x.cr3 = s->host_cr3;
        x.cr4 = s->host_cr4;
        return x;
    }
    bool secondary = (s->primary_controls & PROC_SECONDARY) != 0;
    uint32_t proc2 = secondary ? s->secondary_controls : 0;
    x.cr0 = s->guest_cr0;
    x.cr3 = s->guest_cr3;
    x.cr4 = s->guest_cr4;
    x.eptp = (proc2 & PROC2_EPT) != 0 ? s->eptp : 0;
    x.vpid = (proc2 & PROC2_VPID) != 0 ? s->vpid : 0;
    x.pdpte[0] = s->guest_pdpte0;
    x.pdpte[1] = s->guest_pdpte1;
    x.pdpte[2] = s->guest_pdpte2;
    x.pdpte[3] = s->guest_pdpte3;
    return x;
}

bool debugger_walk(struct cpu *c, enum debug_view v, uint64_t lin,
                   struct walk_report *r)
{
    if (!debugger_has_view(c, v))
        return false;
    if (debugger_own_view(c, v)) {
        mmu_inspect_walk(c->mmu, lin, r);
        return true;
    }
    struct mmu_context x = other_context(c, v);
    mmu_inspect_walk_in(c->mmu, &x, lin, r);
    return true;
}

void debugger_tlb(struct cpu *c,
                  void (*each)(void *self, const struct tlb_view *t),
                  void *self)
{
    mmu_inspect_tlb(c->mmu, each, self);
}

/* The physical address of lin, and how many bytes from there are in its
 * page. 0: not mapped. */
static uint64_t piece(struct cpu *c, enum debug_view v, uint64_t lin,
                      uint64_t len, hpa *at)
{
    struct walk_report r;
    /* Addresses have 32 bits outside IA-32e mode. */
    if (lin >> 32 != 0 && (debugger_view_efer(c, v) & EFER_LMA) == 0)
        return 0;
    if (!debugger_walk(c, v, lin, &r) || r.end != WALK_MAPPED)
        return 0;
    at->v = r.host;
    uint64_t left = PAGE_SIZE - (lin & (PAGE_SIZE - 1));
    return len < left ? len : left;
}

uint64_t debugger_read(struct cpu *c, enum debug_view v, uint64_t lin,
                       uint64_t len, void *out)
{
    uint64_t done = 0;
    while (done < len) {
        hpa at;
        uint64_t n = piece(c, v, lin + done, len - done, &at);
        if (n == 0 ||
            !memsys_read(c->wiring.memory, at, n, (uint8_t *)out + done))
            break;
        done += n;
    }
    return done;
}

uint64_t debugger_write(struct cpu *c, enum debug_view v, uint64_t lin,
                        uint64_t len, const void *in)
{
    uint64_t done = 0;
    while (done < len) {
        hpa at;
        uint64_t n = piece(c, v, lin + done, len - done, &at);
        if (n == 0 ||
            !memsys_write(c->wiring.memory, at, n, (const uint8_t *)in + done))
            break;
        done += n;
    }
    return done;
}

bool debugger_vmcs(const struct cpu *c, uint64_t *pointer, bool *launched)
{
    if (!has_vmcs(c))
        return false;
    *pointer = c->vmx->current;
    *launched = c->vmx->vmcs.launched != 0;
    return true;
}

bool debugger_vmcs_field(const struct cpu *c, unsigned index,
                         struct debug_field *f)
{
    for (unsigned i = 0; i < vmcs_field_count; i++) {
        const struct vmcs_field *d = &vmcs_fields[i];
        if (!d->available(&c->config.vtx) || index-- != 0)
            continue;
        *f = (struct debug_field){d->name, d->encoding, d->bytes,
                                  vmcs_get(&c->vmx->vmcs, d, false)};
        return true;
    }
    return false;
}

bool debugger_exits(const struct cpu *c, unsigned index, unsigned *reason,
                    const char **name, uint64_t *count)
{
    static const struct {
        unsigned reason;
        const char *name;
    } row[] = {
#define EXIT(e, number, name) {number, name},
        VMX_EXITS(EXIT)
#undef EXIT
    };
    if (index >= sizeof row / sizeof *row)
        return false;
    *reason = row[index].reason;
    *name = row[index].name;
    unsigned slot = *reason < VMX_REASON_SLOTS ? *reason : VMX_REASON_SLOTS - 1;
    *count = c->vmx->stats[slot].count;
    return true;
}
