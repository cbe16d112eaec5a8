/* SPDX-License-Identifier: Apache-2.0
 * The only source of randomness in a machine: splitmix64 streams derived
 * from the run's seed, so that equal seeds give bit-identical runs.
 */
#ifndef VTSIM_SIM_BASE_RNG_H
#define VTSIM_SIM_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

/* Start stream number `stream` of `seed`; streams are independent. */
static inline struct rng rng_make(uint64_t seed, uint64_t stream)
{
    struct rng r = {seed ^ (stream * UINT64_C(0xD1342543DE82EF95))};
    return r;
}

/* The next 64 uniformly distributed bits. */
static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

#endif
