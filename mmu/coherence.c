/* SPDX-License-Identifier: Apache-2.0
 * What one agent's access does to the others' copies.
 */
#include "mmu/coherence.h"

#include "mmu/model.h"

void coherence_write_protect(struct memsys *s, uint64_t offset, uint64_t len)
{
    for (unsigned k = 0; k < s->cores; k++)
        filter_write_protect(s->core[k], offset, len);
}

void coherence_agent_write(struct memsys *s, uint64_t pa, unsigned len)
{
    (void)s;
    (void)pa;
    (void)len;
}
