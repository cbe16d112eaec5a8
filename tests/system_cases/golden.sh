#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: golden.sh VTSIM IMAGE off|simple [write]
# The cases' signatures are those of golden.txt. When cases change, run
# `./dev system --cases 20000` (every difference to Bochs explained), then
# this script with "write".
set -euo pipefail
vtsim=$1 image=$2 timing=$3
here=$(dirname "$0")
source "$here/common.sh"
run() {
    "$vtsim" run "${like_bochs[@]}" --timing "$timing" \
        --append "seed=1 count=20000 kinds=abcdefg" "$image"
}
if [ "${4:-}" = write ]; then
    run >"$here/golden.txt"
else
    diff "$here/golden.txt" <(run)
fi
