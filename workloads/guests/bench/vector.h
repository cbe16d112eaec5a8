/* SPDX-License-Identifier: Apache-2.0
 * Vector kernels of the engine benchmark.
 */
#ifndef GUESTS_BENCH_VECTOR_H
#define GUESTS_BENCH_VECTOR_H

#include <stdint.h>

/* Turn AVX state on; 0 when the processor lacks AVX2, FMA or AES. */
int vector_enable(void);

/* Each returns a checksum. */
uint64_t vector_matmul(void);
uint64_t vector_chacha(void);
uint64_t vector_aes(void);

#endif
