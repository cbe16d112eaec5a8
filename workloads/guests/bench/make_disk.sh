#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: make_disk.sh CC IMAGE.elf BOOTSECT.S OUT.img
# A 16-cylinder disk image: boot sector, then the ELF's flat contents.
set -euo pipefail
cc=$1 elf=$2 boot=$3 out=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objcopy -O binary "$elf" "$work/flat"
entry=0x$(nm "$elf" | awk '$3 == "start" { print $1 }')
sectors=$((($(stat -c %s "$work/flat") + 511) / 512))
"$cc" -m32 -c -Wa,--defsym,SECTORS=$sectors -Wa,--defsym,ENTRY=$entry \
    -Wa,--defsym,INFO=0 -o "$work/boot.o" "$boot"
ld -m elf_i386 -Ttext=0x7c00 --oformat binary -e boot -o "$work/boot" \
    "$work/boot.o"
cat "$work/boot" "$work/flat" >"$work/disk"
truncate -s $((16 * 16 * 63 * 512)) "$work/disk"
mv "$work/disk" "$out"
