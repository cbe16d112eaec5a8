/* SPDX-License-Identifier: Apache-2.0
 * The page-modification log. SDM Vol.3 "Page-Modification Logging".
 */
#ifndef VTSIM_CPU_VMX_PML_H
#define VTSIM_CPU_VMX_PML_H

#include "cpu/state.h"

/* guest_port.pml of core `self`: log the page of a guest-physical address.
 * False: the log is full, and the access makes a page-modification log-full
 * exit. */
bool vmx_pml(void *self, uint64_t address);

#endif
