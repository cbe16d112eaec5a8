/* SPDX-License-Identifier: Apache-2.0
 * What the files about processes (proc, wait, exec, ids) share.
 */
#ifndef WORKLOADS_PK_PROC_H
#define WORKLOADS_PK_PROC_H

#include "workloads/pk/pk.h"

/* Replace the program of the first process; 0 or -errno. */
s64 exec_first(void);
void proc_notify_parent(struct group *g, s32 code, s32 status);
/* Tell every other thread of the process to exit. */
void proc_kill_others(struct group *g);
void proc_reap(struct group *g);
/* Write the running task's FPU and segment bases into its struct. */
void sched_save_current(void);

#endif
