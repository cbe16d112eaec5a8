/* SPDX-License-Identifier: Apache-2.0
 * Takes back the row macros of avx_int.def; included after each use of it, so
 * without a guard.
 */
#undef AVX2OP
#undef AVX3OP
#undef AVX2OP_128
#undef AVX3OP_128
#undef AVX2OP_256
#undef AVX3OP_256
#undef AVX3AUX_128
#undef AVX3AUX_256
