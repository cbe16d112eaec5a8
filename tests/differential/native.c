/* SPDX-License-Identifier: Apache-2.0
 * The host CPU as the oracle: runs one instruction in this process, from
 * and into memory at fixed addresses below 2 GiB, so that every register can
 * be loaded and stored without a base register. The program is therefore
 * linked as a non-PIE.
 *
 * A case that completes jumps to the exit stub by `jmp *[abs32]`; a case
 * that faults arrives in a signal handler, which copies the context and
 * resumes at the recovery stub.
 */
#define _GNU_SOURCE
#include "tests/differential/case.h"

#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
    uint8_t x_in[XSAVE_SIZE] __attribute__((aligned(64)));
    uint8_t x_out[XSAVE_SIZE] __attribute__((aligned(64)));
} __attribute__((aligned(64)));

struct native_block native_block;
static struct outcome *pending; /* where the signal handler writes */
static uint8_t *code_alias;     /* CODE_PAGE, writable */
static uint8_t *arena_alias;    /* ARENA, all writable */

void native_enter(void);
void native_exit_stub(void);
void native_recover(void);

__asm__(".text\n"
        ".globl native_enter\n"
        "native_enter:\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  mov %rsp, native_block+272\n"
        "  mov native_block+296, %eax\n"
        "  xor %edx, %edx\n"
        "  xrstor64 native_block+320\n"
        "  pushq native_block+256\n"
        "  mov native_block+0, %rax\n"
        "  mov native_block+8, %rcx\n"
        "  mov native_block+16, %rdx\n"
        "  mov native_block+24, %rbx\n"
        "  mov native_block+40, %rbp\n"
        "  mov native_block+48, %rsi\n"
        "  mov native_block+56, %rdi\n"
        "  mov native_block+64, %r8\n"
        "  mov native_block+72, %r9\n"
        "  mov native_block+80, %r10\n"
        "  mov native_block+88, %r11\n"
        "  mov native_block+96, %r12\n"
        "  mov native_block+104, %r13\n"
        "  mov native_block+112, %r14\n"
        "  mov native_block+120, %r15\n"
        "  popfq\n"
        "  mov native_block+32, %rsp\n"
        "  jmp *native_block+280\n"
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
        "  mov native_block+272, %rsp\n"
        "  pushfq\n"
        "  popq native_block+264\n"
        "  mov native_block+296, %eax\n"
        "  xor %edx, %edx\n"
        "  xsave64 native_block+1152\n"
        ".globl native_recover\n"
        "native_recover:\n"
        "  cld\n"
        "  fninit\n"
        "  movl $0x1f80, -8(%rsp)\n"
        "  ldmxcsr -8(%rsp)\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n");

_Static_assert(__builtin_offsetof(struct native_block, gpr_out) == 128, "");
_Static_assert(__builtin_offsetof(struct native_block, rflags_in) == 256, "");
_Static_assert(__builtin_offsetof(struct native_block, rflags_out) == 264, "");
_Static_assert(__builtin_offsetof(struct native_block, host_rsp) == 272, "");
_Static_assert(__builtin_offsetof(struct native_block, entry) == 280, "");
_Static_assert(__builtin_offsetof(struct native_block, components) == 296, "");
_Static_assert(__builtin_offsetof(struct native_block, x_in) == 320, "");
_Static_assert(__builtin_offsetof(struct native_block, x_out) == 1152, "");

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
    copy_xsave(&o->after, uc->uc_mcontext.fpregs);
    g[REG_RIP] = (greg_t)(uintptr_t)native_recover;
    g[REG_RSP] = (greg_t)native_block.host_rsp;
    g[REG_EFL] = 0x202;
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
    native_block.entry = CODE_PAGE + CODE_OFFSET;

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

void native_run(const struct test_case *t, struct outcome *o)
{
    uint8_t *at = code_alias + CODE_OFFSET;
    memcpy(at, t->bytes, t->length);
    uint8_t leave[7] = {0xff, 0x24, 0x25}; /* jmp *[native_block.exit] */
    uint32_t slot = (uint32_t)(uintptr_t)&native_block.exit;
    memcpy(leave + 3, &slot, 4);
    memcpy(at + t->length, leave, sizeof leave);
    memcpy(arena_alias, t->memory, ARENA_SIZE);
    memcpy(native_block.gpr_in, t->before.gpr, sizeof native_block.gpr_in);
    native_block.rflags_in = t->before.rflags;
    memcpy(native_block.x_in, &t->before.fx, XSAVE_SIZE);

    o->vector = -1;
    o->error = 0;
    o->cr2 = 0;
    pending = o;
    native_enter();
    pending = NULL;
    if (o->vector < 0) {
        memcpy(o->after.gpr, native_block.gpr_out, sizeof o->after.gpr);
        o->after.rip = CODE_PAGE + CODE_OFFSET + t->length;
        o->after.rflags = native_block.rflags_out;
        copy_xsave(&o->after, native_block.x_out);
    } else if (o->vector == 3 && o->after.rip - 1 - CODE_PAGE < 4096) {
        o->vector = -1; /* a taken branch fell on an int3 */
        o->after.rip--;
        o->error = 0;
    } else if (o->vector == 14 && (o->error & 0x10) && o->after.rip == o->cr2) {
        o->vector = -1; /* ... or on a page that cannot be fetched */
        o->error = 0;
        o->cr2 = 0;
    }
    memcpy(o->memory, arena_alias, ARENA_SIZE);
    memset(at, 0xcc, 16 + sizeof leave);
}
