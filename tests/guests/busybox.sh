#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's static busybox in the simulated machine: output and status of each
# command must be byte for byte those on the host.
#   busybox.sh WORK_DIR RUNNER
# RUNNER is called as `RUNNER SHARE PROGRAM ARGUMENT...`.
set -u
work=$1 runner=$(realpath "$2") busybox=${BUSYBOX:-/bin/busybox}
[ -x "$busybox" ] || exit 77 # the package busybox-static is not there
file "$busybox" 2>/dev/null | grep -q 'dynamically linked' && exit 77
failed=0 passed=0
rm -rf "$work/bb"
mkdir -p "$work/bb"
cd "$work/bb" || exit 2
awk 'BEGIN { for (i = 0; i < 3000; i++) print (i * 7919) % 10007 }' >numbers
awk 'BEGIN { for (i = 0; i < 600; i++)
    printf "the Line %d of a text, %x or %o\n", i, i * 31, i * i }' >text

check() {
    local want got
    (cd "$work/bb" && env -i PATH=/bin:/usr/bin HOME=/ "$busybox" "$@") \
        >"$work/want" 2>/dev/null <"$work/bb/numbers"
    want=$?
    "$runner" "$work/bb" "$busybox" "$@" >"$work/got" 2>"$work/err" \
        <"$work/bb/numbers"
    got=$?
    if [ $want = $got ] && cmp -s "$work/want" "$work/got"; then
        passed=$((passed + 1))
        echo "ok $*"
    else
        failed=$((failed + 1))
        echo "not ok $*: status $got, expected $want"
        diff "$work/want" "$work/got" | head -5
        head -3 "$work/err"
    fi
}

check sha256sum text numbers
check sort numbers
check sort -n -r
check sh -c 'gzip -c text | gunzip | md5sum'
check sh -c 'gzip -c text'
check bzip2 -c text
check awk '{ s += $1 } END { print s, NR, s / NR }' numbers
check sh -c 'for i in 1 2 3; do echo $i; done; pwd; ls'
check sh -c 'cat text | tr a-z A-Z | grep -c LINE; wc text; false; echo $?'
check sh -c 'echo a >t1; mv t1 t2; cat t2; rm t2; mkdir d; ls -a d; rmdir d'
check sh -c 'ln -s text l; readlink l; cat l | md5sum; rm l; stat -c %s text'
check sh -c 'find . -type f | sort'
check grep -n 'Line 5' text
check sed -n '1,5p;s/text/TEXT/gp' text
check od -c text
check cksum text numbers
check head -c 100 /dev/zero
check diff text numbers
check cat
check sh -c 'read x; read y; echo $y $x; expr 6 \* 7; date -u -d @0'
check sh -c 'x=$(seq 1 10 | paste -s -d+ | bc); echo $x'
check sh -c 'trap "echo got" USR1; kill -USR1 $$; echo after'
check sh -c '(sleep 0.05; echo background) & wait; echo foreground'
check sh -c 'yes | head -3'
check sh -c 'timeout 0.1 sleep 5; echo $?'
check sh -c 'kill -9 $$'
check sh -c 'exit 42'
check nosuchapplet
echo "$passed passed, $failed failed"
[ $failed = 0 ]
