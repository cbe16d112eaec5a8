/* SPDX-License-Identifier: Apache-2.0
 * Entries and VMX words in words. SDM Vol.3 "Paging-Structure Entries",
 * "EPT Translation Mechanism", "Information for VM Exits Due to Vectored
 * Events".
 */
#include "sim/debug/entry_text.h"

#include "cpu/vmx/controls.h"

#include <stdio.h>
#include <string.h>

const char *entry_name(bool ept, unsigned level)
{
    static const char *const name[2][6] = {
        {"", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"},
        {"", "EPT PTE", "EPT PDE", "EPT PDPTE", "EPT PML4E", "EPT PML5E"}};
    return level <= 5 ? name[ept][level] : "";
}

struct flag {
    uint64_t bits;
    const char *name;
};

static void put(char out[ENTRY_TEXT], const char *word)
{
    size_t n = strlen(out);
    snprintf(out + n, ENTRY_TEXT - n, "%s%s", n != 0 ? " " : "", word);
}

static void put_flags(char out[ENTRY_TEXT], uint64_t entry,
                      const struct flag *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((entry & f[i].bits) == f[i].bits)
            put(out, f[i].name);
}

static void guest_flags(unsigned level, uint64_t e, char out[ENTRY_TEXT])
{
    static const struct flag flags[] = {
        {1 << 1, "RW"},  {1 << 2, "US"}, {1 << 3, "PWT"},
        {1 << 4, "PCD"}, {1 << 5, "A"},  {1 << 6, "D"},
    };
    bool leaf = level == 1 || (level <= 3 && (e & 1 << 7) != 0);
    if ((e & 1) == 0) {
        put(out, "not present");
        return;
    }
    put(out, "P");
    put_flags(out, e, flags, leaf ? 6 : 5);
    if (level > 1 && leaf)
        put(out, "PS");
    if (leaf && (e & 1 << 8) != 0)
        put(out, "G");
    if (leaf && (e & (level == 1 ? 1 << 7 : 1 << 12)) != 0)
        put(out, "PAT");
    if (leaf && (e >> 59 & 15) != 0) {
        char key[16];
        snprintf(key, sizeof key, "key=%u", (unsigned)(e >> 59 & 15));
        put(out, key);
    }
    if (e >> 63 != 0)
        put(out, "XD");
}

static void ept_flags(unsigned level, uint64_t e, char out[ENTRY_TEXT])
{
    static const char *const type[8] = {"UC", "WC", "type=2", "type=3",
                                        "WT", "WP", "WB",     "type=7"};
    static const struct flag flags[] = {{1 << 8, "A"},
                                        {1 << 9, "D"},
                                        {1 << 10, "XU"},
                                        {UINT64_C(1) << 61, "SPP"},
                                        {UINT64_C(1) << 63, "suppress-VE"}};
    bool leaf = level == 1 || (level <= 3 && (e & 1 << 7) != 0);
    if ((e & (7 | 1 << 10)) == 0) {
        put(out, "not present");
        put_flags(out, e, flags + 4, 1);
        return;
    }
    put(out, (e & 1) != 0 ? "R" : "-");
    put(out, (e & 2) != 0 ? "W" : "-");
    put(out, (e & 4) != 0 ? "X" : "-");
    if (leaf) {
        put(out, type[e >> 3 & 7]);
        if ((e & 1 << 6) != 0)
            put(out, "IPAT");
        if (level > 1)
            put(out, "leaf");
    }
    put_flags(out, e, flags, sizeof flags / sizeof *flags);
}

void entry_flags(bool ept, unsigned level, uint64_t entry, char out[ENTRY_TEXT])
{
    out[0] = '\0';
    if (ept)
        ept_flags(level, entry, out);
    else
        guest_flags(level, entry, out);
}

const char *exit_name(unsigned reason, char scratch[24])
{
    switch (reason) {
#define EXIT(e, number, name)                                                  \
    case number: return name;
        VMX_EXITS(EXIT)
#undef EXIT
    default: break;
    }
    snprintf(scratch, 24, "reason %u", reason);
    return scratch;
}

void interruption_text(uint32_t info, char *out, size_t size)
{
    static const char *const type[8] = {
        "external",           "reserved", "NMI",
        "hardware exception", "software", "privileged software",
        "software exception", "other"};
    out[0] = '\0';
    if ((info & INTR_VALID) == 0)
        return;
    snprintf(out, size, "%s %u%s%s", type[info >> INTR_TYPE_SHIFT & 7],
             info & 0xff, (info & INTR_ERROR_VALID) != 0 ? ", error code" : "",
             (info & INTR_UNBLOCK_NMI) != 0 ? ", NMI unblocked" : "");
}
