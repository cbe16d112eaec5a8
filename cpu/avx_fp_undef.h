/* SPDX-License-Identifier: Apache-2.0
 * Takes back the row macros of avx_fp.def and avx_fma.def; included after
 * each use of them, so without a guard.
 */
#undef AVX_FP3
#undef AVX_FP3_S
#undef AVX_FP2
#undef AVX_FP3_I
#undef AVX_FP3_SI
#undef AVX_FP2_I
#undef AVX_FMA
#undef AVX_FMA_S
