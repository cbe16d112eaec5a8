/* SPDX-License-Identifier: Apache-2.0
 * The stack of last branch records and its MSRs: one pair on AMD's
 * processors, 16 or 32 pairs from Nehalem to Skylake and its successors, with
 * the cycles between two branches where there are 32. SDM Vol.3 "Last Branch
 * Records", "LBR Stack"; AMD APM Vol.2 "Control-Transfer Breakpoint
 * Features".
 */
#include "cpu/lbr.h"

#include "sim/base/bits.h"

enum {
    MSR_LBR_SELECT = 0x1c8,
    MSR_LASTBRANCH_TOS = 0x1c9,
    MSR_LAST_BRANCH_FROM = 0x1db, /* AMD; 1DCh the target */
    MSR_LER_FROM = 0x1dd,         /* 1DEh the target */
    MSR_LBR_FROM_0 = 0x680,
    MSR_LBR_TO_0 = 0x6c0,
    MSR_LBR_INFO_0 = 0xdc0,
};

uint64_t lbr_linear(const struct cpu *c, uint64_t rip)
{
    if ((c->mode & MODE_LONG) != 0)
        return rip;
    return (uint32_t)(c->seg[SEG_CS].base + rip);
}

static unsigned depth(const struct cpu *c)
{
    return c->config.lbr_entries;
}

/* MSR_LBR_SELECT names what is left out, by the level branched to and by
 * kind. AMD's processors have none. */
static bool filtered(const struct cpu *c, enum branch_kind kind)
{
    unsigned level = (c->mode & MODE_CPL) == 0 ? 0 : 1;
    uint64_t select = c->lbr.select;
    return (select >> level & 1) != 0 || (select >> (kind + 1) & 1) != 0;
}

void lbr_branch(struct cpu *c, uint64_t from, uint64_t to,
                enum branch_kind kind)
{
    struct lbr *l = &c->lbr;
    if (depth(c) == 0 || filtered(c, kind))
        return;
    uint64_t cycles = c->account.cycles - l->last;
    l->tos = (l->tos + 1) % depth(c);
    l->from[l->tos] = from;
    l->to[l->tos] = to;
    l->info[l->tos] = cycles < 0xffff ? cycles : 0xffff;
    l->last = c->account.cycles;
}

void lbr_event(struct cpu *c, uint64_t from, uint64_t to)
{
    struct lbr *l = &c->lbr;
    l->ler_from = l->from[l->tos];
    l->ler_to = l->to[l->tos];
    lbr_branch(c, from, to, BRANCH_FAR);
}

/* Where a register's value is; NULL: this processor lacks it. */
static uint64_t *find(struct cpu *c, uint32_t n)
{
    struct lbr *l = &c->lbr;
    unsigned d = depth(c);
    if (d == 0)
        return NULL;
    if (n == MSR_LER_FROM || n == MSR_LER_FROM + 1)
        return n == MSR_LER_FROM ? &l->ler_from : &l->ler_to;
    if (d == 1) {
        if (n == MSR_LAST_BRANCH_FROM)
            return &l->from[0];
        return n == MSR_LAST_BRANCH_FROM + 1 ? &l->to[0] : NULL;
    }
    if (n - MSR_LBR_FROM_0 < d)
        return &l->from[n - MSR_LBR_FROM_0];
    if (n - MSR_LBR_TO_0 < d)
        return &l->to[n - MSR_LBR_TO_0];
    if (d == 32 && n - MSR_LBR_INFO_0 < d)
        return &l->info[n - MSR_LBR_INFO_0];
    if (n == MSR_LBR_SELECT)
        return &l->select;
    return n == MSR_LASTBRANCH_TOS ? &l->tos : NULL;
}

bool lbr_is_msr(const struct cpu *c, uint32_t number)
{
    return find((struct cpu *)(uintptr_t)c, number) != NULL;
}

bool lbr_msr_read(struct cpu *c, uint32_t number, uint64_t *out)
{
    const uint64_t *p = find(c, number);
    if (p == NULL)
        return false;
    *out = *p;
    return true;
}

/* The top of stack and the records of exceptions are read-only; so is the one
 * pair of AMD's. */
bool lbr_msr_write(struct cpu *c, uint32_t number, uint64_t in)
{
    uint64_t *p = find(c, number);
    unsigned bits = c->config.linear_bits >= 57 ? 57 : 48;
    bool info = number - MSR_LBR_INFO_0 < 32;
    if (p == NULL || depth(c) == 1 || number == MSR_LASTBRANCH_TOS ||
        number == MSR_LER_FROM || number == MSR_LER_FROM + 1)
        return false;
    if (number == MSR_LBR_SELECT ? (in & ~(uint64_t)LBR_SELECT_BITS) != 0
                                 : !info && bits_sext(in, bits) != in)
        return false;
    *p = in;
    return true;
}
