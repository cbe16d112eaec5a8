/* SPDX-License-Identifier: Apache-2.0
 * Translation stated a second time, flat: no cache of any kind, one function
 * a dimension, straight from the manual's text and sharing nothing with mmu/.
 */
#ifndef VTSIM_TESTS_WALKS_MODEL_H
#define VTSIM_TESTS_WALKS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { MODEL_READ, MODEL_WRITE, MODEL_FETCH, MODEL_MODIFY };

enum model_end {
    MODEL_OK,
    MODEL_PAGE_FAULT,
    MODEL_VIOLATION,
    MODEL_MISCONFIG,
    MODEL_SUB_PAGE,
    MODEL_LOG_FULL
};

enum { MODEL_LOG = 512 };

struct model {
    uint8_t *ram;
    uint64_t ram_bytes;
    /* The guest's. */
    uint64_t cr0, cr3, cr4, efer, pdpte[4];
    uint32_t pkru;
    unsigned cpl;
    bool ac;
    /* The monitor's. */
    uint64_t eptp, sub_page_table; /* 0: no EPT */
    bool mode_execute, sub_page, page_log;
    /* The processor's. */
    unsigned maxphyaddr;
    bool guest_1g, ept_2m, ept_1g, execute_only;
    /* The page-modification log, and the room it has. */
    uint64_t log[MODEL_LOG];
    unsigned logged, log_room;
    /* What happened. */
    enum model_end end;
    uint64_t host, gpa, qualification;
    uint32_t error;
    bool suppress_ve;
};

/* One access of len bytes inside a page; true: it is made. */
bool model_access(struct model *m, uint64_t lin, unsigned kind, bool system,
                  unsigned len);

#endif
