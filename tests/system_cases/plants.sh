#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: plants.sh VTSIM_PLANTED IMAGE
# The system-level cases must see every defect of mmu/plant.h and of
# cpu/plant_system.h, and that 1-GByte pages are absent when they are.
set -euo pipefail
vtsim=$1 image=$2
here=$(dirname "$0")
source "$here/common.sh"

cases() { # words of the command line, parameters
    local words=$1
    shift
    timeout 60 "$vtsim" run "${like_bochs[@]}" "$@" \
        --append "seed=7 $words" "$image" 2>&1 || true
}

# numbers HEADER FIRST: "number name" of the planted defects.
numbers() {
    grep -oE '^    (MMU|SYS)_PLANT_[A-Z0-9_]+' "$1" | tr -d ' ' |
        grep -vE '^(MMU|SYS)_PLANT_(FIRST|END)$' |
        awk -v n="$2" '{ print n++, $1 }'
}

found=0 tried=0

must_differ() {
    local name=$1 seen
    shift
    seen=$(cases "$words" "$@")
    tried=$((tried + 1))
    if [ "$seen" = "$good" ]; then
        echo "NOT found: $name"
    else
        found=$((found + 1))
    fi
}

# each_of HEADER FIRST WORDS
each_of() {
    words=$3
    good=$(cases "$words")
    grep -qx end <<<"$good" || { echo "the cases do not end"; exit 1; }
    local number name
    while read -r number name; do
        must_differ "$name" --set "core.plant=$number"
    done < <(numbers "$1" "$2")
}

each_of "$here/../../cpu/plant_system.h" 500 "count=5000 kinds=acf"
each_of "$here/../../mmu/plant.h" 1000 "count=2000 kinds=e"
must_differ "no 1-GByte pages" --set core.pages_1g=off
echo "$found of $tried found"
[ "$found" -eq "$tried" ]
