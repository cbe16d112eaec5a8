/* SPDX-License-Identifier: Apache-2.0
 * Compares the table of VM-entry rules (cpu/vmx/check.h) with the second
 * statement on mutated VMCS states: each begins as a valid one and has one
 * to three fields moved to or over their borders.
 *
 * usage: vmx_rules [--count N] [--seed S]
 * Status 1 when the two disagree; the first states that they disagree on are
 * printed with the fields that were changed.
 */
#include "cpu/vmx/check.h"
#include "sim/base/rng.h"
#include "sim/machine/config.h"
#include "tests/vmx_rules/bases.h"
#include "tests/vmx_rules/statement.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_MAX = 3, PRINTED_MAX = 20, CURRENT = 0x5000, VMXON = 0x4000 };

struct change {
    const struct vmcs_field *field;
    uint64_t was, is;
};

struct state {
    struct vmcs v;
    struct change change[CHANGES_MAX];
    unsigned changes;
};

/* Physical memory: the revision at every page that is a multiple of 64 KiB,
 * with bit 31 where bit 20 of the address is set; PDPTEs that are good but in
 * one page; elsewhere what the address says. 1 TiB are there. */
static uint64_t word_at(const struct vmx_caps *caps, uint64_t at)
{
    if ((at & 0xffff) == 0)
        return (caps->basic & 0x7fffffff) | (at >> 20 & 1) << 31;
    if ((at & ~UINT64_C(0x1f)) == BASE_PDPT)
        return UINT64_C(0x30001);
    if ((at & ~UINT64_C(0x1f)) == BASE_PDPT + 0x20)
        return UINT64_C(0x30003) + (at & 8);
    return at >> 12 & 0xff;
}

static bool memory_read(void *self, uint64_t at, unsigned len, void *out)
{
    if (at >> 40 != 0)
        return false;
    for (unsigned done = 0; done < len; done += 8) {
        uint64_t word = word_at(self, at + done);
        memcpy((char *)out + done, &word, len - done < 8 ? len - done : 8);
    }
    return true;
}

static bool port_read(void *self, hpa at, unsigned len, void *out)
{
    return memory_read(self, at.v, len, out);
}

static uint64_t msr(const struct vmx_caps *k, const struct cpu_config *c,
                    uint32_t number)
{
    uint64_t v = 0;
    return vmx_caps_msr(k, c, number, &v) ? v : 0;
}

static struct processor processor_of(struct vmx_caps *k,
                                     const struct cpu_config *c,
                                     unsigned physical_bits)
{
    return (struct processor){
        .pin = msr(k, c, 0x48d),
        .primary = msr(k, c, 0x48e),
        .secondary = msr(k, c, 0x48b),
        .tertiary = msr(k, c, 0x492),
        .exit = msr(k, c, 0x48f),
        .entry = msr(k, c, 0x490),
        .misc = msr(k, c, 0x485),
        .ept_vpid = msr(k, c, 0x48c),
        .vmfunc = msr(k, c, 0x491),
        .basic = msr(k, c, 0x480),
        .cr0_fixed0 = msr(k, c, 0x486),
        .cr0_fixed1 = msr(k, c, 0x487),
        .cr4_fixed0 = msr(k, c, 0x488),
        .cr4_fixed1 = msr(k, c, 0x489),
        .physical_bits = physical_bits,
        .linear_bits = c->linear_bits,
        .in_ia32e = true,
        .efer_bits = 0xd01,
        .debugctl_bits = 0x803,
        .perf_global_bits = UINT64_C(0x7000000ff),
        .current_vmcs = CURRENT,
        .read = memory_read,
        .self = k,
    };
}

/* A value near the borders that rules draw. */
static uint64_t moved(struct rng *r, uint64_t v, unsigned bits)
{
    static const uint64_t special[] = {0,
                                       1,
                                       UINT64_MAX,
                                       UINT64_C(0x7fffffffffff),
                                       UINT64_C(0x800000000000),
                                       UINT64_C(0xffff800000000000),
                                       UINT64_C(0xffff7fffffffffff),
                                       UINT64_C(0x3fffffffffff),
                                       UINT64_C(0x400000000000),
                                       0xfff,
                                       0x1000,
                                       0xffffffff,
                                       UINT64_C(0x100000000),
                                       0x7fff,
                                       0xffff,
                                       0x10000,
                                       0x100000,
                                       0x200000,
                                       BASE_PDPT,
                                       BASE_PDPT + 0x20,
                                       CURRENT,
                                       UINT64_C(0xfffffffff000)};
    switch (rng_next(r) % 6) {
    case 0: return special[rng_next(r) % (sizeof special / 8)];
    case 1: return v + 1;
    case 2: return v - 1;
    case 3: return v ^ (UINT64_C(3) << rng_next(r) % bits);
    default: return v ^ UINT64_C(1) << rng_next(r) % bits;
    }
}

static void mutate(struct rng *r, struct state *s)
{
    s->changes = 1 + (unsigned)(rng_next(r) % CHANGES_MAX);
    for (unsigned k = 0; k < s->changes; k++) {
        const struct vmcs_field *d =
            &vmcs_fields[rng_next(r) % vmcs_field_count];
        uint64_t was = vmcs_get(&s->v, d, false);
        vmcs_set(&s->v, d, false, moved(r, was, d->bytes * 8u));
        s->change[k] = (struct change){d, was, vmcs_get(&s->v, d, false)};
    }
}

static struct verdict of_table(const struct vmx_check *k,
                               const struct vmx_rule **rule)
{
    static const enum outcome bad[CHECK_GROUPS] = {
        ENTRY_BAD_CONTROLS, ENTRY_BAD_HOST, ENTRY_BAD_GUEST};
    struct verdict r = {ENTRY_GOOD, 0};
    *rule = NULL;
    for (int g = 0; g < CHECK_GROUPS; g++) {
        *rule = vmx_check((enum vmx_check_group)g, k);
        if (*rule == NULL)
            continue;
        r.outcome = bad[g];
        if (g == CHECK_GUEST)
            r.qualifications = UINT32_C(1) << (*rule)->qualification;
        break;
    }
    return r;
}

static bool agree(const struct verdict *table, const struct verdict *second)
{
    if (table->outcome != second->outcome)
        return false;
    return table->outcome != ENTRY_BAD_GUEST ||
           (table->qualifications & second->qualifications) != 0;
}

static void print(const struct state *s, const char *base,
                  const struct verdict *table, const struct vmx_rule *rule,
                  const struct verdict *second)
{
    printf("disagree: base %s: table says %d (%s), second statement %d "
           "(qualifications %x)\n",
           base, (int)table->outcome, rule == NULL ? "-" : rule->name,
           (int)second->outcome, second->qualifications);
    for (unsigned k = 0; k < s->changes; k++)
        printf("  %s: %" PRIx64 " -> %" PRIx64 "\n", s->change[k].field->name,
               s->change[k].was, s->change[k].is);
}

struct totals {
    uint64_t outcome[4], disagreements;
};

static void run(const struct vmx_check *k, const struct processor *p,
                uint64_t count, struct rng *r, struct totals *t)
{
    for (uint64_t n = 0; n < count; n++) {
        struct state s;
        const char *base = base_make((unsigned)(n % BASES), k->caps, &s.v);
        const struct vmx_rule *rule;
        mutate(r, &s);
        struct vmx_check mine = *k;
        mine.v = &s.v;
        struct verdict table = of_table(&mine, &rule);
        struct verdict second = statement_verdict(p, &s.v);
        t->outcome[second.outcome]++;
        if (agree(&table, &second))
            continue;
        if (t->disagreements++ < PRINTED_MAX)
            print(&s, base, &table, rule, &second);
    }
}

/* Every base is valid, by both. */
static bool bases_good(const struct vmx_check *k, const struct processor *p)
{
    bool good = true;
    for (unsigned n = 0; n < BASES; n++) {
        struct vmcs v;
        const char *base = base_make(n, k->caps, &v);
        const struct vmx_rule *rule;
        struct vmx_check mine = *k;
        mine.v = &v;
        struct verdict table = of_table(&mine, &rule);
        struct verdict second = statement_verdict(p, &v);
        if (table.outcome == ENTRY_GOOD && second.outcome == ENTRY_GOOD)
            continue;
        printf("base %s is not valid: table %d (%s), second statement %d\n",
               base, (int)table.outcome, rule == NULL ? "-" : rule->name,
               (int)second.outcome);
        good = false;
    }
    return good;
}

int main(int argc, char **argv)
{
    uint64_t count = 1000000, seed = 1;
    for (int k = 1; k + 1 < argc; k += 2) {
        if (strcmp(argv[k], "--count") == 0)
            count = strtoull(argv[k + 1], NULL, 0);
        else if (strcmp(argv[k], "--seed") == 0)
            seed = strtoull(argv[k + 1], NULL, 0);
    }
    static const bool no = false, yes = true;
    const bool *extensions[] = {&no, &yes};
    struct totals t = {0};
    struct rng r = rng_make(seed, 0x766d78);
    bool good = true;
    for (unsigned e = 0; e < 2; e++) {
        struct machine_config m;
        struct vmx_caps caps;
        config_defaults(&m);
        m.mmu.maxphyaddr = 46;
        m.core.vtx.extensions = *extensions[e];
        m.core.vtx.sub_page = true;
        vmx_caps_init(&caps, &m.core, m.mmu.maxphyaddr);
        struct processor p = processor_of(&caps, &m.core, m.mmu.maxphyaddr);
        struct vmx_check k = {.caps = &caps,
                              .config = &m.core,
                              .maxphyaddr = m.mmu.maxphyaddr,
                              .current_vmcs = CURRENT,
                              .vmxon = VMXON,
                              .ia32e = true,
                              .efer_allowed = p.efer_bits,
                              .debugctl_allowed = p.debugctl_bits,
                              .perf_global_allowed = p.perf_global_bits,
                              .memory = {&caps, port_read, NULL}};
        good = bases_good(&k, &p) && good;
        run(&k, &p, count / 2, &r, &t);
    }
    printf(
        "%" PRIu64 " states: %" PRIu64 " enter, %" PRIu64 " VMfail 7, %" PRIu64
        " VMfail 8, %" PRIu64 " exit 33; %" PRIu64 " unexplained\n",
        count, t.outcome[ENTRY_GOOD], t.outcome[ENTRY_BAD_CONTROLS],
        t.outcome[ENTRY_BAD_HOST], t.outcome[ENTRY_BAD_GUEST], t.disagreements);
    bool all = true;
    for (unsigned k = 0; k < 4; k++)
        all = all && t.outcome[k] > count / 100;
    if (!all)
        printf("an outcome is too rare to mean much\n");
    return good && all && t.disagreements == 0 ? 0 : 1;
}
