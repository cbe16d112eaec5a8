/* SPDX-License-Identifier: Apache-2.0
 * Futexes. Private ones are named by address space and address; those in
 * shared memory by the physical address.
 */
#include "workloads/pk/pk.h"
#include "workloads/pk/syscall.h"

enum {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_PRIVATE = 128,
    FUTEX_REALTIME = 256,
};

#define BUCKETS 64u

#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu

struct key {
    u64 space, address;
};

struct waiter {
    struct list link;
    struct key key;
    u32 bitset;
    bool woken;
    struct waitq q;
};

static struct list buckets[BUCKETS];

static struct list *bucket(struct key k)
{
    struct list *b = &buckets[(k.address >> 2 ^ k.address >> 12) % BUCKETS];

    if (!b->next)
        list_init(b);
    return b;
}

static s64 key_of(u64 va, bool private, struct key *k)
{
    struct mm *mm = current()->mm;
    u32 value;
    unsigned level;

    if (va & 3)
        return -EINVAL;
    if (GET_USER(&value, va)) /* and bring the page in */
        return -EFAULT;
    *k = (struct key){(u64)mm, va};
    struct vma *v = mm_find(mm, va);
    if (private || !v || !v->shm)
        return 0;
    u64 *e = pt_find(mm, va, &level);
    if (e)
        *k = (struct key){0, (*e & PTE_ADDR) + (va & (PAGE - 1))};
    return 0;
}

static bool same(struct key x, struct key y)
{
    return x.space == y.space && x.address == y.address;
}

static s64 wake_key(struct key k, u64 count, u32 bitset)
{
    s64 woken = 0;

    LIST_EACH_SAFE(l, bucket(k))
    {
        struct waiter *w = container_of(l, struct waiter, link);
        if ((u64)woken >= count)
            break;
        if (!same(w->key, k) || !(w->bitset & bitset))
            continue;
        list_remove(&w->link);
        w->woken = true;
        waitq_wake(&w->q, 1);
        woken++;
    }
    return woken;
}

void futex_wake_address(struct mm *mm, u64 va, unsigned count)
{
    wake_key((struct key){(u64)mm, va}, count, UINT32_MAX);
}

static s64 wait_on(u64 va, bool private, u32 expected, u64 deadline, u32 bitset)
{
    struct waiter w = {.bitset = bitset};
    u32 value;
    s64 r = key_of(va, private, &w.key);

    if (r)
        return r;
    if (!bitset)
        return -EINVAL;
    if (GET_USER(&value, va))
        return -EFAULT;
    if (value != expected)
        return -EAGAIN;
    waitq_init(&w.q);
    list_append(bucket(w.key), &w.link);
    do {
        r = sched_sleep(&w.q, deadline, true);
    } while (!w.woken && !r);
    list_remove(&w.link);
    if (w.woken)
        return 0;
    /* Without a deadline the call starts over after a handler. */
    return r == -EINTR && deadline == NEVER ? -ERESTARTSYS : r;
}

static s64 requeue(const u64 *a, bool private, bool compare)
{
    struct key from, to;
    s64 r = key_of(a[0], private, &from);
    u32 value;
    u64 moved = 0;

    if (!r)
        r = key_of(a[4], private, &to);
    if (r)
        return r;
    if (compare && (GET_USER(&value, a[0]) || value != (u32)a[5]))
        return -EAGAIN;
    s64 woken = wake_key(from, (u32)a[2], UINT32_MAX);
    LIST_EACH_SAFE(l, bucket(from))
    {
        struct waiter *w = container_of(l, struct waiter, link);
        if (moved >= (u32)a[3])
            break;
        if (!same(w->key, from))
            continue;
        list_remove(&w->link);
        w->key = to;
        list_append(bucket(to), &w->link);
        moved++;
    }
    return compare ? woken + (s64)moved : woken;
}

/* The word is changed by a plain store: with the lock held no other kernel
 * code runs, but a program on another processor could; retry until equal. */
static s64 apply_op(u64 va, u32 op, u32 *old)
{
    u32 arg = op >> 12 & 0xfff, value;
    u32 shifted = op >> 31 ? 1u << (arg & 31) : arg;
    u32 *word = (u32 *)va;

    if (GET_USER(old, va) || PUT_USER(va, old))
        return -EFAULT; /* now it is present and writable */
    do {
        *old = __atomic_load_n(word, __ATOMIC_RELAXED);
        switch (op >> 28 & 7) {
        case 0: value = shifted; break;
        case 1: value = *old + shifted; break;
        case 2: value = *old | shifted; break;
        case 3: value = *old & ~shifted; break;
        case 4: value = *old ^ shifted; break;
        default: return -ENOSYS;
        }
    } while (!__atomic_compare_exchange_n(word, old, value, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return 0;
}

static bool compare_op(u32 op, u32 old)
{
    s32 x = (s32)old, y = (s32)(op << 20) >> 20;

    switch (op >> 24 & 15) {
    case 0: return x == y;
    case 1: return x != y;
    case 2: return x < y;
    case 3: return x <= y;
    case 4: return x > y;
    case 5: return x >= y;
    default: return false;
    }
}

static s64 wake_op(const u64 *a, bool private)
{
    struct key first, second;
    u32 old, op = (u32)a[5];
    s64 r = key_of(a[0], private, &first);

    if (!r)
        r = key_of(a[4], private, &second);
    if (!r)
        r = apply_op(a[4], op, &old);
    if (r)
        return r;
    r = wake_key(first, (u32)a[2], UINT32_MAX);
    if (compare_op(op, old))
        r += wake_key(second, (u32)a[3], UINT32_MAX);
    return r;
}

static s64 futex_deadline(u64 at, bool absolute, bool realtime, u64 *deadline)
{
    struct timespec t;

    *deadline = NEVER;
    if (!at)
        return 0;
    if (GET_USER(&t, at))
        return -EFAULT;
    if (t.sec < 0 || t.nsec < 0 || t.nsec >= 1000000000)
        return -EINVAL;
    u64 seconds = (u64)t.sec;
    if (absolute && realtime)
        seconds = seconds > params.epoch ? seconds - params.epoch : 0;
    u64 ticks =
        time_to_ticks(min64(seconds, 1ull << 30) * 1000000000 + (u64)t.nsec);
    *deadline = absolute ? ticks : time_ticks() + ticks;
    return 0;
}

s64 sys_futex(const u64 *a)
{
    u32 op = (u32)a[1] & ~(u32)(FUTEX_PRIVATE | FUTEX_REALTIME);
    bool private = a[1] & FUTEX_PRIVATE, realtime = a[1] & FUTEX_REALTIME;
    bool waits = op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET;
    struct key k;
    u64 deadline = NEVER;
    s64 r = waits ? futex_deadline(a[3], op == FUTEX_WAIT_BITSET, realtime,
                                   &deadline)
                  : 0;

    if (r)
        return r;
    switch (op) {
    case FUTEX_WAIT:
        return wait_on(a[0], private, (u32)a[2], deadline, UINT32_MAX);
    case FUTEX_WAIT_BITSET:
        return wait_on(a[0], private, (u32)a[2], deadline, (u32)a[5]);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        r = key_of(a[0], private, &k);
        if (r)
            return r;
        return wake_key(k, (u32)a[2],
                        op == FUTEX_WAKE ? UINT32_MAX : (u32)a[5]);
    case FUTEX_REQUEUE: return requeue(a, private, false);
    case FUTEX_CMP_REQUEUE: return requeue(a, private, true);
    case FUTEX_WAKE_OP: return wake_op(a, private);
    default: return -ENOSYS; /* priority inheritance */
    }
}

/* ---- locks that a dying thread holds ---- */

static void robust_died(struct task *t, u64 va)
{
    u32 value;

    if (va & 3 || GET_USER(&value, va) ||
        (value & FUTEX_TID_MASK) != (u32)t->tid)
        return;
    u32 next = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    if (!PUT_USER(va, &next) && value & FUTEX_WAITERS) {
        struct key k;
        if (!key_of(va, false, &k))
            wake_key(k, 1, UINT32_MAX);
    }
}

void futex_exit_robust(struct task *t)
{
    struct {
        u64 next, offset, pending;
    } head;
    u64 at;

    if (!t->robust_list || copy_from_user(&head, t->robust_list, sizeof head))
        return;
    at = head.next;
    for (unsigned i = 0; i < 2048 && at && at != t->robust_list; i++) {
        u64 next;
        if (GET_USER(&next, at))
            break;
        if (at != head.pending)
            robust_died(t, at + head.offset);
        at = next & ~1ull;
    }
    if (head.pending)
        robust_died(t, head.pending + head.offset);
}

s64 sys_set_robust_list(const u64 *a)
{
    if (a[1] != 24)
        return -EINVAL;
    current()->robust_list = a[0];
    return 0;
}

s64 sys_get_robust_list(const u64 *a)
{
    struct task *t = a[0] ? task_by_tid((s32)a[0]) : current();
    u64 size = 24;

    if (!t)
        return -ESRCH;
    if (PUT_USER(a[1], &t->robust_list) || PUT_USER(a[2], &size))
        return -EFAULT;
    return 0;
}
