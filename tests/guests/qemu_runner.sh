#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The RUNNER of run.sh and busybox.sh for pk under QEMU:
#   [RUN_OPTIONS=...] qemu_runner.sh SHARE PROGRAM [ARGUMENT]...
share=$1
shift
exec "$(dirname "$0")/qemu_run.sh" ${RUN_OPTIONS:-} -s "$share" "$@"
