/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: what one agent's access does to the others' copies. A
 * line is exclusive (and may be dirty) in one core, or shared and clean in
 * any number.
 */
#ifndef VTSIM_MMU_COHERENCE_H
#define VTSIM_MMU_COHERENCE_H

#include "mmu/memory.h"

struct coherence_answer {
    bool copies; /* another core had the line */
    bool dirty;  /* and its copy was newer than the shared levels */
};

/* Core m will write the line: every other core's copy goes. */
struct coherence_answer coherence_take(struct mmu *m, uint32_t line);

/* Core m reads the line: the others' copies become shared and clean. */
struct coherence_answer coherence_share(struct mmu *m, uint32_t line);

/* Every copy of the line in every cache goes (CLFLUSH). */
void coherence_line_gone(struct memsys *s, uint32_t line);

/* Every modified copy of the line is written to memory and stays (CLWB). */
void coherence_line_clean(struct memsys *s, uint32_t line);

/* Stores to RAM [offset, offset+len), inside one page, must take the slow
 * path of every core from now on. */
void coherence_write_protect(struct memsys *s, uint64_t offset, uint64_t len);

/* An agent that is no core wrote [pa, pa+len), inside one page: every cached
 * copy goes. */
void coherence_agent_write(struct memsys *s, uint64_t pa, unsigned len);

#endif
