/* SPDX-License-Identifier: Apache-2.0
 * One declaration for each system call that has a row in the table.
 * `a` holds the six argument registers; the result goes to RAX.
 */
#ifndef WORKLOADS_PK_SYSCALL_H
#define WORKLOADS_PK_SYSCALL_H

#include "workloads/pk/pk.h"

#define SYSCALL(nr, name) syscall_fn sys_##name;
#define SYSCALL_NONE(nr, name)
#include "workloads/pk/syscall_table.def"
#undef SYSCALL
#undef SYSCALL_NONE

#endif
