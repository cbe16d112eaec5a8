/* SPDX-License-Identifier: Apache-2.0
 * Typed addresses: a guest-physical address cannot be passed where a
 * host-physical one is due.
 */
#ifndef VTSIM_SIM_BASE_ADDR_H
#define VTSIM_SIM_BASE_ADDR_H

#include <stdint.h>

typedef struct {
    uint64_t v;
} gva; /* guest-virtual (linear) address: input of the paging structures */
typedef struct {
    uint64_t v;
} gpa; /* guest-physical address: input of EPT */
typedef struct {
    uint64_t v;
} hpa; /* host-physical address: what the memory system sees */
typedef struct {
    uint64_t v;
} iova; /* DMA address before VT-d */

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define LINE_SHIFT 6
#define LINE_SIZE  (UINT64_C(1) << LINE_SHIFT)

#endif
