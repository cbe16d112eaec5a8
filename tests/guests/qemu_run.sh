#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run a static program under pk on QEMU, files served by qemu_proxy:
#   qemu_run.sh [-p 4k|2m|1g] [-c CORES] [-s SHARE[:ro]]... [-m MIB] PROGRAM [ARGUMENT]...
# PK and QEMU_PROXY name the image and the server. The status is the guest's.
set -u
page=4k cores=1 shares=() mem=512
while getopts p:c:s:m: o; do
    case $o in
    p) page=$OPTARG ;;
    c) cores=$OPTARG ;;
    s) shares+=("$OPTARG") ;;
    m) mem=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
program=$(realpath "$1")
work=$(mktemp -d)
ram=$(mktemp -p /dev/shm)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work" "$ram"' EXIT
truncate -s "${mem}M" "$ram"
{
    printf 'exec=%s\0' "$program"
    printf 'arg=%s\0' "$@"
    printf 'env=PATH=/bin:/usr/bin\0env=HOME=/\0'
    for s in "${shares[@]}"; do printf 'share=%s\0' "${s%:ro}"; done
    printf 'page=%s\0cores=%s\0' "$page" "$cores"
} >"$work/params"
"${QEMU_PROXY:-qemu_proxy}" "$ram" "$work/socket" "${shares[@]}" <&0 &
proxy=$!
while [ ! -S "$work/socket" ]; do
    kill -0 "$proxy" 2>/dev/null || exit 2
    sleep 0.02
done
qemu-system-x86_64 -nodefaults -display none -no-reboot \
    -cpu "${QEMU_CPU:-qemu64}" -smp "$cores" -m "$mem" ${QEMU_OPTIONS:-} \
    -object memory-backend-file,id=ram,size="${mem}M",mem-path="$ram",share=on \
    -machine pc,memory-backend=ram -kernel "${PK:-pk.elf}" \
    -initrd "$program $program,$work/params pk.params" \
    -chardev socket,id=c,path="$work/socket" \
    -device isa-serial,iobase=0x2f8,irq=3,chardev=c -debugcon stdio \
    </dev/null 2>"$work/qemu" &
qemu=$!
wait "$proxy"
status=$?
kill "$qemu" 2>/dev/null; wait "$qemu" 2>/dev/null
exit $status
