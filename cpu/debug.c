/* SPDX-License-Identifier: Apache-2.0
 * Breakpoint registers: which addresses DR7 arms. General detect (DR7.GD) is
 * MOV DR's own check; branch records and BTF are cpu/lbr.h's. SDM Vol.3
 * "Debug Registers".
 */
#include "cpu/debug.h"

#include "cpu/debugger_hook.h"
#include "cpu/trace.h"
#include "sim/base/bits.h"

enum { KIND_EXECUTE, KIND_WRITE, KIND_IO, KIND_READ_WRITE };

static bool enabled(const struct cpu *c, unsigned i)
{
    return (c->dr[7] >> (2 * i) & 3) != 0;
}

/* Kind 2 is an I/O breakpoint with CR4.DE and undefined without it: it then
 * watches nothing. */
static unsigned kind(const struct cpu *c, unsigned i)
{
    return (unsigned)(c->dr[7] >> (16 + 4 * i)) & 3;
}

/* Length field 10b is 8 bytes in 64-bit capable processors. */
static uint64_t length(const struct cpu *c, unsigned i)
{
    static const uint8_t bytes[4] = {1, 2, 8, 4};
    return bytes[c->dr[7] >> (18 + 4 * i) & 3];
}

static bool overlaps(const struct cpu *c, unsigned i, uint64_t lin,
                     unsigned len)
{
    uint64_t n = length(c, i);
    uint64_t first = c->dr[i] & ~(n - 1); /* low bits are masked */
    return lin < first + n && first < lin + len;
}

bool debug_instruction_armed(const struct cpu *c)
{
    if ((c->dr[7] & 0xff) == 0)
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (enabled(c, i) && kind(c, i) == KIND_EXECUTE)
            return true;
    return false;
}

bool debug_data_armed(const struct cpu *c)
{
    if ((c->dr[7] & 0xff) == 0)
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (enabled(c, i) && (kind(c, i) & 1) != 0)
            return true;
    return false;
}

uint64_t debug_instruction_match(const struct cpu *c, uint64_t lin)
{
    uint64_t hit = 0, match = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (kind(c, i) != KIND_EXECUTE || c->dr[i] != lin)
            continue;
        match |= BIT(i);
        if (enabled(c, i))
            hit |= BIT(i);
    }
    /* B bits of disabled matches may be set along with an enabled one; they
     * are here, as on processors that report every match. */
    return hit != 0 ? match : 0;
}

void debug_data(struct cpu *c, uint64_t lin, unsigned len, bool write)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned k = kind(c, i);
        if (enabled(c, i) &&
            (k == KIND_READ_WRITE || (write && k == KIND_WRITE)) &&
            overlaps(c, i, lin, len))
            c->pending_dr6 |= BIT(i);
    }
    if (c->pending_dr6 != 0)
        event_notify(c);
    if (UNLIKELY(debugger_attached(c)))
        debugger_data(c, lin, len, write);
    if (UNLIKELY(trace_on(c, TRACE_INSN)))
        trace_data(c, lin, len, write);
}

void debug_io(struct cpu *c, uint16_t port, unsigned len)
{
    if ((c->dr[7] & 0xff) == 0 || (c->cr4 & BIT(3)) == 0)
        return;
    for (unsigned i = 0; i < 4; i++)
        if (enabled(c, i) && kind(c, i) == KIND_IO && overlaps(c, i, port, len))
            c->pending_dr6 |= BIT(i);
}
