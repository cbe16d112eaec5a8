/* SPDX-License-Identifier: Apache-2.0
 * Takes back the row macros of crypto.def; included after each use of it, so
 * without a guard.
 */
#undef CRYPTO_AES
#undef CRYPTO_CLMUL
