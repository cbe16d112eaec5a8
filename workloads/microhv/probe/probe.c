/* SPDX-License-Identifier: Apache-2.0
 * A copy of microhv whose guest is a loop of two instructions: it loads a
 * word and calls the monitor. Between two loads the monitor changes one
 * structure of the translation and invalidates in one way, or leaves that
 * out: a test of what checks cached translations. Options
 *
 *   probe=KIND   invvpid0..3  the guest's page table changes
 *                invept0..4   the EPT changes (0, 3 and 4 are extensions)
 *                invlpg, invpcid0..3, cr3   the monitor's own table changes
 *   omit=on      without the invalidation
 *
 * It prints "probe KIND first A second B" on port E9h: with the invalidation
 * A is 1 and B is 2.
 */
#include "workloads/microhv/hv.h"

#define TABLES 0x200000ull /* guest-physical: page tables of the guest */
#define CODE   0x210000ull
#define GDT    0x211000ull
#define WORD_A 0x400000ull
#define WORD_B 0x401000ull
#define WINDOW 0xffff900000000000ull /* linear, of the monitor */

static char kind[16];
static bool omit;
static u64 *window_entry;

/* ---- Options ---- */

bool extra_option(const char *word, size_t n)
{
    if (n > 6 && n < 6 + sizeof kind && !memcmp(word, "probe=", 6)) {
        memcpy(kind, word + 6, n - 6);
        return true;
    }
    if (n == 7 && !memcmp(word, "omit=on", 7)) {
        omit = true;
        return true;
    }
    return false;
}

/* The digit behind a word, or -1. */
static int type_of(const char *word)
{
    size_t n = strlen(word);

    if (strncmp(kind, word, n) || kind[n] < '0' || kind[n] > '9' || kind[n + 1])
        return -1;
    return kind[n] - '0';
}

/* ---- The guest ---- */

/* Four levels that map its code, and WORD_A by a 4-KiB page of its own. */
static void map_guest(void)
{
    u64 *table = direct(TABLES);

    memset(table, 0, 4 * PAGE);
    table[0] = (TABLES + PAGE) | 3;
    table[512] = (TABLES + 2 * PAGE) | 3;
    table[1024 + 1] = 0x200000 | 0x83;
    table[1024 + 2] = (TABLES + 3 * PAGE) | 3;
    table[1536] = WORD_A | 3;
    *(volatile u64 *)direct(WORD_A) = 1;
    *(volatile u64 *)direct(WORD_B) = 2;
}

void load_guest(u64 info_pa)
{
    static const u64 flat[] = {0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
                               0x00af9b000000ffff};
    /* mov (%rdi), %rax; vmcall; jmp back */
    static const u8 code[] = {0x48, 0x8b, 0x07, 0x0f, 0x01, 0xc1, 0xeb, 0xf8};
    struct guest_start *s = &hv.start;

    (void)info_pa;
    map_guest();
    memcpy(direct(CODE), code, sizeof code);
    memcpy(direct(GDT), flat, sizeof flat);
    *s = (struct guest_start){.long64 = true,
                              .rip = CODE,
                              .cr3 = TABLES,
                              .gdt_base = GDT,
                              .gdt_limit = sizeof flat - 1,
                              .cs = 0x18,
                              .ds = 0x10,
                              .ram_low = s->ram_low,
                              .ram_high = s->ram_high};
    s->gpr[RDI] = WORD_A;
}

static u64 guest_loads(struct vcpu *v)
{
    if (vm_enter(v))
        hv_panic("VM entry fails with error %lu", vm_read(INSTRUCTION_ERROR));
    if (vm_read(EXIT_REASON) != EXIT_VMCALL)
        exit_unexpected(v);
    skip_instruction();
    return v->gpr[RAX];
}

/* ---- Changes and invalidations ---- */

static u64 *ept_entry(u64 gpa)
{
    u64 *table = direct(vm_read(EPT_POINTER) & PTE_ADDR);

    for (unsigned shift = 39; shift > 12; shift -= 9)
        table = direct(table[gpa >> shift & 511] & PTE_ADDR);
    return &table[gpa >> 12 & 511];
}

static void probe_vpid(struct vcpu *v, unsigned type)
{
    (void)v;
    ((volatile u64 *)direct(TABLES + 3 * PAGE))[0] = WORD_B | 3;
    if (!omit && !invvpid(type, VPID_OF_GUEST, WORD_A))
        hv_panic("INVVPID type %u fails with error %lu", type,
                 vm_read(INSTRUCTION_ERROR));
}

/* Operands by type: EPTP and address, EPTP, none, host region, as the first. */
static void probe_ept(unsigned type)
{
    struct inv_descriptor d = {vm_read(EPT_POINTER), 0};
    bool bad;

    *(volatile u64 *)ept_entry(WORD_A) = WORD_B | EPT_RWX | EPT_TYPE(MEMORY_WB);
    if (type == 0 || type == 4)
        d.second = WORD_A;
    if (type == 3)
        d = (struct inv_descriptor){WORD_A, PAGE};
    if (omit)
        return;
    __asm__ volatile("invept %1, %2"
                     : "=@ccbe"(bad)
                     : "m"(d), "r"((u64)type)
                     : "memory");
    if (bad)
        hv_panic("INVEPT type %u fails with error %lu", type,
                 vm_read(INSTRUCTION_ERROR));
}

static u64 window_loads(void)
{
    return *(volatile u64 *)WINDOW;
}

static void map_window(void)
{
    extern u64 boot_pml4[512];
    u64 pdpt = page_take(), pd = page_take(), pt = page_take();

    *(u64 *)direct(pdpt) = pd | 3;
    *(u64 *)direct(pd) = pt | 3;
    window_entry = direct(pt);
    *window_entry = WORD_A | 3;
    boot_pml4[WINDOW >> 39 & 511] = pdpt | 3;
}

static void invalidate_window(void)
{
    struct inv_descriptor d = {0, WINDOW};
    int type = type_of("invpcid");

    if (!strcmp(kind, "invlpg"))
        __asm__ volatile("invlpg (%0)" : : "r"(WINDOW) : "memory");
    else if (!strcmp(kind, "cr3"))
        cr3_write(cr3_read());
    else if (type >= 0 && type <= 3)
        __asm__ volatile("invpcid %0, %1"
                         :
                         : "m"(d), "r"((u64)type)
                         : "memory");
    else
        hv_panic("probe=%s is not known", kind);
}

static void report(u64 first, u64 second)
{
    char line[64];
    size_t n = format(line, sizeof line, "probe %s first %lu second %lu\n",
                      kind, first, second);

    for (size_t i = 0; i < n; i++)
        out8(0xe9, (u8)line[i]);
    out32(0xf4, 0);
    hv_panic("there is no debug exit");
}

/* ---- The run ---- */

static void probe_guest(struct vcpu *v, int vpid, int ept)
{
    u64 first = guest_loads(v);

    if (vpid >= 0)
        probe_vpid(v, (unsigned)vpid);
    else
        probe_ept((unsigned)ept);
    report(first, guest_loads(v));
}

void vm_run(struct vcpu *v)
{
    int vpid = type_of("invvpid"), ept = type_of("invept");

    if (vpid >= 0 || ept >= 0)
        probe_guest(v, vpid, ept);
    map_window();
    u64 first = window_loads();
    *(volatile u64 *)window_entry = WORD_B | 3;
    if (!omit)
        invalidate_window();
    report(first, window_loads());
    hv_shutdown();
}
