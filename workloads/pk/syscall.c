/* SPDX-License-Identifier: Apache-2.0
 * The system call table and its entry.
 */
#include "workloads/pk/syscall.h"

#include "workloads/pk/pk.h"

struct row {
    syscall_fn *fn;
    const char *name;
};

#define SYSCALL(nr, name)      [nr] = {sys_##name, #name},
#define SYSCALL_NONE(nr, name) [nr] = {NULL, #name},
static const struct row table[] = {
#include "workloads/pk/syscall_table.def"
};
#undef SYSCALL
#undef SYSCALL_NONE

static u8 warned[ARRAY(table) + 1]; /* the last: numbers without a name */

static s64 unknown(u64 nr)
{
    bool known = nr < ARRAY(table) && table[nr].name;
    u8 *told = &warned[known ? nr : ARRAY(table)];

    if (!*told)
        pk_warn("unknown system call %s(%lu)", known ? table[nr].name : "", nr);
    *told = 1;
    return -ENOSYS;
}

/* System calls that libraries try first and whose absence they expect. */
s64 sys_rseq(const u64 *a)
{
    (void)a;
    return -ENOSYS;
}

void syscall_entry(struct regs *r)
{
    u64 a[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
    u64 nr = r->vector;

    big_lock();
    struct task *t = current();
    t->in_syscall = true;
    if (nr < ARRAY(table) && table[nr].fn)
        r->rax = (u64)table[nr].fn(a);
    else
        r->rax = (u64)unknown(nr);
    sched_return(r);
    big_unlock();
}
