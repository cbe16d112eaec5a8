/* SPDX-License-Identifier: Apache-2.0
 * SHA-256, to identify images in results. Source: FIPS 180-4.
 */
#ifndef VTSIM_SIM_BASE_SHA256_H
#define VTSIM_SIM_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* 64 lower-case hexadecimal digits and a NUL of the digest of len bytes. */
void sha256_hex(const void *data, size_t len, char out[65]);

#endif
