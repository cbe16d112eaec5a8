/* SPDX-License-Identifier: Apache-2.0
 * Magic operations for guest programs: mark a region of interest, dump or
 * reset statistics, ask for simulated time, end the simulation. Works in
 * every ring of 64-bit mode; programs and kernels alike include it. On real
 * hardware, and with core.magic_ops off, the instruction is #UD (SIGILL).
 *
 * The encoding (0F 04 and a 16-bit number, arguments in RDI and RSI, result
 * in RAX) and the numbers are those of gem5's m5 operations, whose names are
 * provided too, so that a program annotated for gem5 needs no change.
 */
#ifndef VTSIM_ROI_H
#define VTSIM_ROI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VTSIM_OP_RPNS       0x07
#define VTSIM_OP_EXIT       0x21
#define VTSIM_OP_FAIL       0x22
#define VTSIM_OP_SUM        0x23
#define VTSIM_OP_RESET      0x40
#define VTSIM_OP_DUMP       0x41
#define VTSIM_OP_DUMP_RESET 0x42
#define VTSIM_OP_WORK_BEGIN 0x5a
#define VTSIM_OP_WORK_END   0x5b

#define VTSIM_MAGIC(op, arg0, arg1)                                            \
    __extension__({                                                            \
        uint64_t vtsim_result_;                                                \
        __asm__ volatile(".byte 0x0f, 0x04\n\t.word %c1"                       \
                         : "=a"(vtsim_result_)                                 \
                         : "i"(op), "D"((uint64_t)(arg0)),                     \
                           "S"((uint64_t)(arg1))                               \
                         : "memory");                                          \
        vtsim_result_;                                                         \
    })

/* Statistics are reported of what lies between begin and end, over all such
 * regions; everything else is left out. Regions may nest; the outermost
 * counts. The identifiers are free. */
static inline void vtsim_work_begin(uint64_t work, uint64_t thread)
{
    VTSIM_MAGIC(VTSIM_OP_WORK_BEGIN, work, thread);
}

static inline void vtsim_work_end(uint64_t work, uint64_t thread)
{
    VTSIM_MAGIC(VTSIM_OP_WORK_END, work, thread);
}

/* Append a numbered block of statistics to the results. */
static inline void vtsim_dump_stats(void)
{
    VTSIM_MAGIC(VTSIM_OP_DUMP, 0, 0);
}

/* Count from zero again. */
static inline void vtsim_reset_stats(void)
{
    VTSIM_MAGIC(VTSIM_OP_RESET, 0, 0);
}

static inline void vtsim_dump_reset_stats(void)
{
    VTSIM_MAGIC(VTSIM_OP_DUMP_RESET, 0, 0);
}

/* Simulated time since power-on in nanoseconds. */
static inline uint64_t vtsim_time_ns(void)
{
    return VTSIM_MAGIC(VTSIM_OP_RPNS, 0, 0);
}

/* End the simulation: vtsim exits with status 0, or with code & 255. */
static inline void vtsim_exit(void)
{
    VTSIM_MAGIC(VTSIM_OP_EXIT, 0, 0);
}

static inline void vtsim_fail(uint64_t code)
{
    VTSIM_MAGIC(VTSIM_OP_FAIL, 0, code);
}

/* --- The names of gem5's m5ops.h ------------------------------------------ */

static inline uint64_t m5_rpns(void)
{
    return vtsim_time_ns();
}

static inline uint64_t m5_sum(uint64_t a, uint64_t b)
{
    return VTSIM_MAGIC(VTSIM_OP_SUM, a, b);
}

static inline void m5_exit(uint64_t ns_delay)
{
    VTSIM_MAGIC(VTSIM_OP_EXIT, ns_delay, 0);
}

static inline void m5_fail(uint64_t ns_delay, uint64_t code)
{
    VTSIM_MAGIC(VTSIM_OP_FAIL, ns_delay, code);
}

static inline void m5_reset_stats(uint64_t ns_delay, uint64_t ns_period)
{
    VTSIM_MAGIC(VTSIM_OP_RESET, ns_delay, ns_period);
}

static inline void m5_dump_stats(uint64_t ns_delay, uint64_t ns_period)
{
    VTSIM_MAGIC(VTSIM_OP_DUMP, ns_delay, ns_period);
}

static inline void m5_dump_reset_stats(uint64_t ns_delay, uint64_t ns_period)
{
    VTSIM_MAGIC(VTSIM_OP_DUMP_RESET, ns_delay, ns_period);
}

static inline void m5_work_begin(uint64_t work, uint64_t thread)
{
    vtsim_work_begin(work, thread);
}

static inline void m5_work_end(uint64_t work, uint64_t thread)
{
    vtsim_work_end(work, thread);
}

#ifdef __cplusplus
}
#endif

#endif
