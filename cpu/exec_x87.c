/* SPDX-License-Identifier: Apache-2.0
 * x87 handlers: a pending exception first, then memory, then the bodies of
 * cpu/x87.c. By where the operand is, not by operation: aux says which.
 */
#include "cpu/exec_x87.h"

#include "cpu/fpu.h"
#include "cpu/mem.h"
#include "cpu/x87.h"

/* Deliver the pending #MF instead of this instruction. */
static __attribute__((noinline, cold)) const struct uop *
pending(struct cpu *c, const struct uop *u)
{
    uop_sync(c, u);
    (void)fpu_pending(c);
    uop_unsync(c, u);
    return uop_fault(c, u);
}

UOP_STATIC(x87_reg)
{
    if (UNLIKELY(fpu_x87_pending(c)))
        return pending(c, u);
    x87_register(c, u);
    UOP_NEXT(c, u);
}

UOP_STATIC(x87_reg_nowait)
{
    x87_register(c, u);
    UOP_NEXT(c, u);
}

#define LOAD(size)                                                             \
    UOP_STATIC(x87_load##size)                                                 \
    {                                                                          \
        if (UNLIKELY(fpu_x87_pending(c)))                                      \
            return pending(c, u);                                              \
        if (UNLIKELY(!mem_load_vec(c, u, uop_ea(c, u), size)))                 \
            return uop_fault(c, u);                                            \
        x87_load(c, u);                                                        \
        UOP_NEXT(c, u);                                                        \
    }
LOAD(2)
LOAD(4)
LOAD(8)
LOAD(10)

/* What the host's instruction raised must not stay when the store faults. */
static __attribute__((noinline, cold)) const struct uop *
store_fault(struct cpu *c, const struct uop *u)
{
    x87_host_clear();
    return uop_fault(c, u);
}

ALWAYS_INLINE bool store_result(struct cpu *c, const struct uop *u,
                                unsigned size)
{
    uint64_t lin = uop_ea(c, u);
    uint8_t *p = MEM_HIT_WRITE(&c->hot, lin, size);
    if (UNLIKELY(p == NULL))
        return mem_store_slow(c, u, lin, size, false);
    memcpy(p, c->slow.u8, size);
    return true;
}

#define STORE(name, size, wait)                                                \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        if ((wait) && UNLIKELY(fpu_x87_pending(c)))                            \
            return pending(c, u);                                              \
        /* An unmasked exception may keep the value, a fault comes first. */   \
        if (UNLIKELY((c->x87.fcw & 0x3f) != 0x3f) &&                           \
            !mem_store_probe(c, u, uop_ea(c, u), size))                        \
            return uop_fault(c, u);                                            \
        if (LIKELY(x87_store(c, u))) {                                         \
            if (UNLIKELY(!store_result(c, u, size)))                           \
                return store_fault(c, u);                                      \
            x87_stored(c, u);                                                  \
        }                                                                      \
        UOP_NEXT(c, u);                                                        \
    }
STORE(x87_store2, 2, true)
STORE(x87_store4, 4, true)
STORE(x87_store8, 8, true)
STORE(x87_store10, 10, true)
STORE(x87_store2_nowait, 2, false)

const struct exec_x87_table ENGINE(exec_x87) = {
    .reg = ENGINE(x87_reg),
    .reg_nowait = ENGINE(x87_reg_nowait),
    .store_nowait = ENGINE(x87_store2_nowait),
    .load = {ENGINE(x87_load2), ENGINE(x87_load4), ENGINE(x87_load8),
             ENGINE(x87_load10)},
    .store = {ENGINE(x87_store2), ENGINE(x87_store4), ENGINE(x87_store8),
              ENGINE(x87_store10)}};
