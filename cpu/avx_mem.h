/* SPDX-License-Identifier: Apache-2.0
 * Vector accesses made element by element: masked moves off the filter, and
 * gathers. None of them is subject to alignment checking (SDM Vol.2
 * VMASKMOV, VGATHERDPS).
 */
#ifndef VTSIM_CPU_AVX_MEM_H
#define VTSIM_CPU_AVX_MEM_H

#include "cpu/uop.h"

/*
 * The elements of `size` bytes whose bit in `chosen` is set, at uop_ea (with
 * u->imm, that is an offset in segment u->seg):
 * loaded into c->slow with zeros elsewhere, or stored from register u->src.
 * Only their bytes are accessed; with none chosen, no access counts. False:
 * c->event is valid and nothing was stored.
 */
bool avx_masked_load(struct cpu *c, const struct uop *u, unsigned chosen,
                     unsigned size);
bool avx_masked_store(struct cpu *c, const struct uop *u, unsigned chosen,
                      unsigned size);

/*
 * VGATHERxxx, VPGATHERxx. The uop: dst, src (the mask register), base (a
 * general register), index (a vector register), scale, disp, seg; imm: mask
 * of the address size; aux: AVX_GATHER_*. False: c->event is valid; elements
 * before the faulting one have been loaded and their masks cleared.
 */
enum {
    AVX_GATHER_COUNT = 0xf,     /* elements */
    AVX_GATHER_DATA8 = 1 << 4,  /* of 8 bytes, else 4 */
    AVX_GATHER_INDEX8 = 1 << 5, /* indexes of 8 bytes, else 4 */
};
bool avx_gather(struct cpu *c, const struct uop *u);

#endif
