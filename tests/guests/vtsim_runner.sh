#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The RUNNER of run.sh and busybox.sh for vtsim itself:
#   VTSIM=path [VTSIM_OPTIONS=...] vtsim_runner.sh SHARE PROGRAM [ARGUMENT]...
share=$1 program=$2
shift 2
cd "$share" && exec "$VTSIM" run ${VTSIM_OPTIONS:-} --share "$share" \
    "$program" -- "$@"
