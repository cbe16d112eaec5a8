#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Compile the guest programs, run each on the host and in the simulated
# machine, and compare output and exit status.
#   run.sh WORK_DIR RUNNER [NAME]...
# RUNNER is called as `RUNNER SHARE PROGRAM` with standard input empty; its
# output and status must be those of PROGRAM in SHARE on the host. Programs
# are built static with glibc; pie_* as static-PIE, musl_* with musl-gcc, v3_*
# for x86-64-v3 with loops vectorized.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$1 runner=$2
shift 2
mkdir -p "$work" || exit 2
musl="integer float process threads jump"
pie="integer heap signals"
v3="float vector integer memory heap threads simd"
names=${*:-$(cd "$here" && ls *.c | sed 's/\.c$//' | grep -v qemu_proxy)}
failed=0 passed=0

build() { # output compiler flags source
    local out=$1
    shift
    [ "$out" -nt "${!#}" ] || "$@" -o "$out" -lm -pthread
}

check() { # program
    local program=$1 name=${1##*/} want got
    rm -rf "$work/share"
    mkdir "$work/share"
    (cd "$work/share" && exec "$program") >"$work/$name.want" 2>/dev/null \
        </dev/null
    want=$?
    rm -rf "$work/share"
    mkdir "$work/share"
    "$runner" "$work/share" "$program" >"$work/$name.got" \
        2>"$work/$name.err" </dev/null
    got=$?
    if [ $want = $got ] && cmp -s "$work/$name.want" "$work/$name.got"; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "not ok $name: status $got, expected $want"
        diff "$work/$name.want" "$work/$name.got" | head -10
        head -5 "$work/$name.err"
    fi
}

for n in $names; do
    src=$here/$n.c
    build "$work/$n" gcc -static -O2 -w "$src" && check "$work/$n"
    if [[ " $pie " == *" $n "* ]]; then
        build "$work/pie_$n" gcc -static-pie -O2 -w "$src" &&
            check "$work/pie_$n"
    fi
    if [[ " $v3 " == *" $n "* ]]; then
        build "$work/v3_$n" gcc -static -O3 -march=x86-64-v3 -w "$src" &&
            check "$work/v3_$n"
    fi
    if [[ " $musl " == *" $n "* ]] && command -v musl-gcc >/dev/null; then
        build "$work/musl_$n" musl-gcc -static -O2 -w "$src" &&
            check "$work/musl_$n"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
