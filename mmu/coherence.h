/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: what one agent's access does to the others' copies.
 */
#ifndef VTSIM_MMU_COHERENCE_H
#define VTSIM_MMU_COHERENCE_H

#include "mmu/memory.h"

/* Stores to RAM [offset, offset+len), inside one page, must take the slow
 * path of every core from now on. */
void coherence_write_protect(struct memsys *s, uint64_t offset, uint64_t len);

/* An agent that is no core wrote [pa, pa+len), inside one page: every cached
 * copy goes. */
void coherence_agent_write(struct memsys *s, uint64_t pa, unsigned len);

#endif
