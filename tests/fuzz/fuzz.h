/* SPDX-License-Identifier: Apache-2.0
 * What a fuzz target provides. With -DVTSIM_FUZZ=ON under clang the targets
 * are libFuzzer programs; else driver.c mutates the seeds itself.
 */
#ifndef VTSIM_TESTS_FUZZ_FUZZ_H
#define VTSIM_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry point: returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Write seed number `index` into buf[cap]; its length, 0: no such seed. */
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t cap);

#endif
