/* SPDX-License-Identifier: Apache-2.0
 * Host-side failures: what the user did wrong or the host refused. Guest
 * events (faults, VM exits) are never reported this way.
 */
#ifndef VTSIM_SIM_BASE_STATUS_H
#define VTSIM_SIM_BASE_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIM_MUST_CHECK __attribute__((warn_unused_result))

/* Values are the exit status of `vtsim run` (docs/cli.md). */
enum sim_status {
    SIM_OK = 0,
    SIM_USAGE = 121,         /* unknown option, key or value */
    SIM_BAD_INPUT = 122,     /* a file the user gave is missing or malformed */
    SIM_NO_RESOURCE = 123,   /* the host refused memory, a file, ... */
    SIM_LIMIT = 124,         /* --max-instructions and its like */
    SIM_INTERNAL = 125,      /* a bug in vtsim */
    SIM_GUEST_STOPPED = 126, /* triple fault, HLT for ever */
};

/* The one line that a failed call leaves for main to print. */
struct sim_error {
    enum sim_status status;
    char text[400]; /* without the "vtsim: error: " prefix, no newline */
};

/*
 * Record a failure and return its status, so that a caller can write
 * `return sim_fail(...)`. Control characters in the text become `?`; a text
 * over 399 bytes is cut. `e` may be NULL.
 */
enum sim_status sim_fail(struct sim_error *e, enum sim_status status,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* State a fact about our own code. Never reachable from guest input. */
#define SIM_ASSERT(x)                                                          \
    ((x) ? (void)0 : sim_assert_failed(#x, __FILE__, __LINE__))

void sim_assert_failed(const char *what, const char *file, int line)
    __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
