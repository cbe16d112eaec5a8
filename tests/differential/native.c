/* SPDX-License-Identifier: Apache-2.0
 * The host CPU as the oracle: runs a case in this process, from and into
 * memory at fixed addresses below 2 GiB, so that every register can be
 * loaded and stored without a base register. The program is therefore linked
 * as a non-PIE.
 *
 * A case that completes jumps to the exit stub by `jmp *[abs32]`, or by a far
 * jump from 32 and 16-bit code; a case that faults arrives in a signal
 * handler, which copies the context and resumes at the recovery stub.
 */
#define _GNU_SOURCE
#include "tests/differential/case.h"

#include <asm/ldt.h>
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* What the assembly reads and writes; the addresses are absolute. */
struct native_block {
    uint64_t gpr_in[16];
    uint64_t gpr_out[16];
    uint64_t rflags_in, rflags_out;
    uint64_t host_rsp;
    uint64_t entry;      /* address of the case */
    uint64_t exit;       /* address of the exit stub */
    uint64_t components; /* those of XCR0 that are saved and restored */
    uint32_t far_entry;  /* m16:32: the case in another code segment */
    uint16_t far_cs;
    uint16_t ss_in, ds_in, es_in, ss_out, ds_out, es_out;
    uint8_t x_in[XSAVE_SIZE] __attribute__((aligned(64)));
    uint8_t x_out[XSAVE_SIZE] __attribute__((aligned(64)));
} __attribute__((aligned(64)));

struct native_block native_block;
static struct outcome *pending; /* where the signal handler writes */
static uint8_t *code_alias;     /* CODE_PAGE, writable */
static uint8_t *arena_alias;    /* ARENA, all writable */

void native_enter(void);
void native_enter_far(void);
void native_exit_stub(void);
void native_recover(void);

#define LOAD_REGISTERS                                                         \
    "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"     \
    "  mov %rsp, native_block+272\n"                                           \
    "  mov native_block+296, %eax\n"                                           \
    "  xor %edx, %edx\n"                                                       \
    "  xrstor64 native_block+320+64\n"                                         \
    "  pushq native_block+256\n"                                               \
    "  mov native_block+0, %rax\n"                                             \
    "  mov native_block+8, %rcx\n"                                             \
    "  mov native_block+16, %rdx\n"                                            \
    "  mov native_block+24, %rbx\n"                                            \
    "  mov native_block+40, %rbp\n"                                            \
    "  mov native_block+48, %rsi\n"                                            \
    "  mov native_block+56, %rdi\n"                                            \
    "  mov native_block+64, %r8\n"                                             \
    "  mov native_block+72, %r9\n"                                             \
    "  mov native_block+80, %r10\n"                                            \
    "  mov native_block+88, %r11\n"                                            \
    "  mov native_block+96, %r12\n"                                            \
    "  mov native_block+104, %r13\n"                                           \
    "  mov native_block+112, %r14\n"                                           \
    "  mov native_block+120, %r15\n"                                           \
    "  popfq\n"

/* Segments are loaded and reset for 64-bit code too: a case may load them,
 * but that only when it did (a load costs more than most cases). */
__asm__(".text\n"
        ".globl native_enter\n"
        "native_enter:\n" LOAD_REGISTERS "  mov native_block+32, %rsp\n"
        "  jmp *native_block+280\n"
        ".globl native_enter_far\n"
        "native_enter_far:\n" LOAD_REGISTERS "  mov native_block+312, %ds\n"
        "  mov native_block+314, %es\n"
        "  mov native_block+310, %ss\n"
        "  mov native_block+32, %rsp\n"
        "  ljmp *native_block+304\n"
        ".globl native_exit_stub\n"
        "native_exit_stub:\n"
        "  mov %rax, native_block+128\n"
        "  mov %rcx, native_block+136\n"
        "  mov %rdx, native_block+144\n"
        "  mov %rbx, native_block+152\n"
        "  mov %rsp, native_block+160\n"
        "  mov %rbp, native_block+168\n"
        "  mov %rsi, native_block+176\n"
        "  mov %rdi, native_block+184\n"
        "  mov %r8, native_block+192\n"
        "  mov %r9, native_block+200\n"
        "  mov %r10, native_block+208\n"
        "  mov %r11, native_block+216\n"
        "  mov %r12, native_block+224\n"
        "  mov %r13, native_block+232\n"
        "  mov %r14, native_block+240\n"
        "  mov %r15, native_block+248\n"
        "  mov %ss, native_block+316\n"
        "  mov %ds, native_block+318\n"
        "  mov %es, native_block+320\n"
        "  mov native_block+272, %rsp\n"
        "  pushfq\n"
        "  popq native_block+264\n"
        "  mov native_block+296, %eax\n"
        "  xor %edx, %edx\n"
        "  xsave64 native_block+1152+64\n"
        ".globl native_recover\n"
        "native_recover:\n"
        "  pushq $0x202\n"
        "  popfq\n"
        "  fninit\n"
        "  movl $0x1f80, -8(%rsp)\n"
        "  ldmxcsr -8(%rsp)\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n");

#define AT(field, offset)                                                      \
    _Static_assert(__builtin_offsetof(struct native_block, field) == (offset), \
                   "the assembly's offsets")
AT(gpr_out, 128);
AT(rflags_in, 256);
AT(rflags_out, 264);
AT(host_rsp, 272);
AT(entry, 280);
AT(components, 296);
AT(far_entry, 304);
AT(ss_in, 310);
AT(ds_in, 312);
AT(es_in, 314);
AT(ss_out, 316);
AT(ds_out, 318);
AT(es_out, 320);
AT(x_in, 320 + 64);
AT(x_out, 1152 + 64);

/* Index in gregs of rax rcx rdx rbx rsp rbp rsi rdi r8.. */
static const int greg[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

/* Copy an XSAVE area. A component whose XSTATE_BV bit is clear has its
 * initial value, whatever the area holds. */
static void copy_xsave(struct machine_state *to, const void *from)
{
    memcpy(&to->fx, from, XSAVE_SIZE);
    if (!(to->xstate_bv & 1)) {
        memset(to->fx.st, 0, sizeof to->fx.st);
        to->fx.fcw = 0x37f;
        to->fx.fsw = 0;
        to->fx.ftw = 0;
    }
    if (!(to->xstate_bv & 2))
        memset(to->fx.xmm, 0, sizeof to->fx.xmm);
    if (!(to->xstate_bv & 4))
        memset(to->ymmh, 0, sizeof to->ymmh);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)info;
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    struct outcome *o = pending;
    if (o == NULL) { /* not ours: a bug in the harness */
        signal(number, SIG_DFL);
        return;
    }
    o->vector = (int)g[REG_TRAPNO];
    o->error = (uint32_t)g[REG_ERR];
    o->cr2 = o->vector == 14 ? (uint64_t)g[REG_CR2] : 0;
    for (unsigned i = 0; i < 16; i++)
        o->after.gpr[i] = (uint64_t)g[greg[i]];
    o->after.rip = (uint64_t)g[REG_RIP];
    o->after.rflags = (uint64_t)g[REG_EFL];
    uint64_t selectors = (uint64_t)g[REG_CSGSFS];
    o->after.cs = (uint16_t)selectors;
    o->after.ss = (uint16_t)(selectors >> 48);
    __asm__ volatile("mov %%ds, %0" : "=m"(o->after.ds));
    __asm__ volatile("mov %%es, %0" : "=m"(o->after.es));
    copy_xsave(&o->after, uc->uc_mcontext.fpregs);
    g[REG_RIP] = (greg_t)(uintptr_t)native_recover;
    g[REG_RSP] = (greg_t)native_block.host_rsp;
    g[REG_EFL] = 0x202;
    g[REG_CSGSFS] = (greg_t)((selectors & 0x0000ffffffff0000) | USER_CS64 |
                             (uint64_t)USER_DS << 48);
}

/* Map `size` bytes at `at` twice: there with `protection` (set later a page
 * at a time), and anywhere writable. */
static uint8_t *map_twice(uint64_t at, size_t size)
{
    int fd = memfd_create("differential", 0);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        return NULL;
    void *fixed =
        mmap((void *)(uintptr_t)at, size, PROT_READ | PROT_WRITE | PROT_EXEC,
             MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
    void *alias = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (fixed == MAP_FAILED || alias == MAP_FAILED)
        return NULL;
    return alias;
}

bool host_has(unsigned feature)
{
    static const struct {
        uint32_t leaf, sub;
        uint8_t reg, bit;
    } where[] = {
#define FEATURE(e, name, leaf, sub, reg, bit) {leaf, sub, reg, bit},
#include "cpu/features.def"
#undef FEATURE
    };
    uint32_t r[4] = {0};
    if (feature == 0)
        return true;
    if (!__get_cpuid_count(where[feature].leaf, where[feature].sub, &r[0],
                           &r[1], &r[2], &r[3]))
        return false;
    return r[where[feature].reg] >> where[feature].bit & 1;
}

/* The components of XCR0 that the harness needs; 0: no XSAVE. */
static uint64_t host_components(void)
{
    uint32_t a, b, c, d, lo, hi;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27))
        return 0;
    __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo & 7;
}

/* Give this process the descriptors of segments.c. */
static bool set_ldt(void)
{
    for (unsigned i = 1; i < LDT_ROWS; i++) {
        const struct ldt_row *row = &ldt_rows[i];
        bool pages = row->limit >> 20 != 0;
        struct user_desc d = {.entry_number = i, .base_addr = row->base};
        d.limit = pages ? row->limit >> 12 : row->limit;
        d.limit_in_pages = pages;
        d.seg_32bit = row->db;
        d.contents = (row->type >> 2) & 3u;
        d.read_exec_only = !(row->type & 2);
        d.seg_not_present = !row->present;
        if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d) != 0)
            return false;
    }
    return true;
}

bool host_has_mode(enum code_mode mode)
{
    static enum { UNKNOWN, NO, YES } has_ldt; /* children inherit the LDT */
    if (has_ldt == UNKNOWN)
        has_ldt = set_ldt() ? YES : NO;
    return mode == CODE_64 || has_ldt == YES;
}

static bool set_handlers(void)
{
    stack_t stack = {.ss_size = 1 << 16};
    stack.ss_sp = malloc(stack.ss_size);
    if (stack.ss_sp == NULL || sigaltstack(&stack, NULL) != 0)
        return false;
    struct sigaction act = {.sa_sigaction = on_signal,
                            .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigaction(numbers[i], &act, NULL) != 0)
            return false;
    }
    return true;
}

bool native_open(void)
{
    native_block.components = host_components();
    if (native_block.components == 0)
        return false;
    code_alias = map_twice(CODE_PAGE, 4096);
    arena_alias = map_twice(ARENA, ARENA_SIZE);
    if (code_alias == NULL || arena_alias == NULL)
        return false;
    if (mprotect((void *)(uintptr_t)CODE_PAGE, 4096, PROT_READ | PROT_EXEC) ||
        mprotect((void *)(uintptr_t)ARENA, 2 * 4096, PROT_READ | PROT_WRITE) ||
        mprotect((void *)(uintptr_t)ARENA_RO, 4096, PROT_READ))
        return false;
    memset(code_alias, 0xcc, 4096);
    memset(arena_alias, 0, ARENA_SIZE);
    /* Present from the start: error codes must not depend on the kernel's
     * demand paging. */
    if (mlock((void *)(uintptr_t)ARENA, ARENA_SIZE) != 0)
        return false;
    (void)*(volatile uint8_t *)(uintptr_t)ARENA_RO;
    native_block.exit = (uint64_t)(uintptr_t)native_exit_stub;
    return set_handlers();
}

/* The jump to the exit stub, for code of each mode. */
static unsigned exit_jump(enum code_mode mode, uint8_t *p)
{
    unsigned n = 0;
    uint32_t slot = (uint32_t)(uintptr_t)&native_block.exit;
    if (mode == CODE_64) {
        memcpy(p, "\xff\x24\x25", 3); /* jmp *[native_block.exit] */
        memcpy(p + 3, &slot, 4);
        return 7;
    }
    slot = (uint32_t)(uintptr_t)native_exit_stub;
    if (mode == CODE_16)
        p[n++] = 0x66;
    p[n++] = 0xea; /* jmp ptr16:32 */
    memcpy(p + n, &slot, 4);
    memcpy(p + n + 4, &(uint16_t){USER_CS64}, 2);
    return n + 6;
}

static void load_case(const struct test_case *t)
{
    const struct machine_state *s = &t->before;
    memcpy(arena_alias, t->memory, ARENA_SIZE);
    memcpy(native_block.gpr_in, s->gpr, sizeof native_block.gpr_in);
    native_block.rflags_in = s->rflags;
    memcpy(native_block.x_in, &s->fx, XSAVE_SIZE);
    native_block.entry = s->rip;
    native_block.far_entry = (uint32_t)s->rip;
    native_block.far_cs = s->cs;
    native_block.ss_in = s->ss;
    native_block.ds_in = s->ds;
    native_block.es_in = s->es;
}

/* The outcome of a case that came to the exit stub. */
static void completed(const struct test_case *t, struct outcome *o)
{
    memcpy(o->after.gpr, native_block.gpr_out, sizeof o->after.gpr);
    o->after.rip = t->before.rip + t->length;
    o->after.rflags = native_block.rflags_out;
    o->after.cs = t->before.cs;
    o->after.ss = native_block.ss_out;
    o->after.ds = native_block.ds_out;
    o->after.es = native_block.es_out;
    copy_xsave(&o->after, native_block.x_out);
}

/* Segments that the case or its start loaded. */
static void reset_segments(const struct outcome *o)
{
    if (o->after.ds | o->after.es)
        __asm__ volatile("mov %0, %%ds; mov %0, %%es" ::"r"(0));
    if (o->vector < 0 && o->after.ss != USER_DS)
        __asm__ volatile("mov %0, %%ss" ::"r"(USER_DS));
}

void native_run(const struct test_case *t, struct outcome *o)
{
    uint8_t *at = code_alias + t->place;
    unsigned room = t->length;
    memcpy(at, t->bytes, t->length);
    if (!t->open_end)
        room += exit_jump(t->mode, at + t->length);
    load_case(t);
    o->vector = -1;
    o->error = 0;
    o->cr2 = 0;
    pending = o;
    if (t->mode == CODE_64)
        native_enter();
    else
        native_enter_far();
    pending = NULL;
    if (o->vector < 0)
        completed(t, o);
    reset_segments(o);
    o->after.ds = null_as_zero(o->after.ds);
    o->after.es = null_as_zero(o->after.es);
    uint64_t base = t->mode == CODE_16 ? CODE_PAGE : 0;
    if (o->vector == 3 && o->after.rip + base - 1 - CODE_PAGE < 4096) {
        o->vector = -1; /* a taken branch fell on an int3 */
        o->after.rip--;
        o->error = 0;
    } else if (o->vector == 14 && (o->error & 0x10) &&
               o->after.rip + base == o->cr2) {
        o->vector = -1; /* ... or on a page that cannot be fetched */
        o->error = 0;
        o->cr2 = 0;
    }
    memcpy(o->memory, arena_alias, ARENA_SIZE);
    memset(at, 0xcc, room);
}
