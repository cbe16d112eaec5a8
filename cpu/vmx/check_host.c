/* SPDX-License-Identifier: Apache-2.0
 * Rules of VM entry on the host-state area. SDM Vol.3 "Checks on Host Control
 * Registers, MSRs, and SSP" and the sections after it.
 */
#define CHECK_RULES  "cpu/vmx/check_host.def"
#define CHECK_PREFIX "host"
#define CHECK_GROUP  host
#include "cpu/vmx/check_expand.h"
