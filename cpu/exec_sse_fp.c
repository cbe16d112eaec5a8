/* SPDX-License-Identifier: Apache-2.0
 * Handlers of vector floating-point instructions: one row, one body, two
 * sources. The host's MXCSR is the guest's with all exceptions masked
 * (cpu/fpu.h); its sticky flags gather there.
 */
#include "cpu/sse_body.h"

#define SSE_FP(m, host, size, cost, lanes, feature) SSE_HANDLERS(m, host, size)
#define SSE_FP_AUX(m, host, size, lanes)            SSE_HANDLERS(m, host, size)
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX

const struct exec_sse_fp_table ENGINE(exec_sse_fp) = {.op = {
#define SSE_FP(m, host, size, cost, lanes, feature) SSE_HANDLER_ROW(m),
#define SSE_FP_AUX(m, host, size, lanes)            SSE_HANDLER_ROW(m),
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX
                                                      }};
