/* SPDX-License-Identifier: Apache-2.0
 * Handlers of the rows of avx_int.def.
 */
#include "cpu/avx_body.h"

#define AVX2OP(m, host, size128, size256, s256, feature, rules)                \
    AVX_ROW2(m, host, size128, size256, s256)
#define AVX3OP(m, host, size128, size256, s256, feature, rules)                \
    AVX_ROW3(m, host, size128, size256, s256)
#define AVX2OP_128(m, host, size, feature) AVX_ROW2_128(m, host, size)
#define AVX3OP_128(m, host, size, feature) AVX_ROW3_128(m, host, size)
#define AVX2OP_256(m, host, size, s256, feature, rules)                        \
    AVX_ROW2_256(m, host, size, s256)
#define AVX3OP_256(m, host, size, s256, feature, rules)                        \
    AVX_ROW3_256(m, host, size, s256)
#define AVX3AUX_128(m, host, size, s128) AVX_ROW3_128(m, host, size)
#define AVX3AUX_256(m, host, size, s256) AVX_ROW3_256(m, host, size, s256)
#include "cpu/avx_int.def"
#include "cpu/avx_undef.h"

const struct exec_avx_int_table ENGINE(exec_avx_int) = {.op = {
#define AVX2OP(m, ...)      AVX_TABLE_ROW(m),
#define AVX3OP(m, ...)      AVX_TABLE_ROW(m),
#define AVX2OP_128(m, ...)  AVX_TABLE_ROW_128(m),
#define AVX3OP_128(m, ...)  AVX_TABLE_ROW_128(m),
#define AVX2OP_256(m, ...)  AVX_TABLE_ROW_256(m),
#define AVX3OP_256(m, ...)  AVX_TABLE_ROW_256(m),
#define AVX3AUX_128(m, ...) AVX_TABLE_ROW_128(m),
#define AVX3AUX_256(m, ...) AVX_TABLE_ROW_256(m),
#include "cpu/avx_int.def"
#include "cpu/avx_undef.h"
                                                        }};
