#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: plants.sh DIFFERENTIAL_PLANTED [UNIT_PLANTED...]
# Every planted defect (cpu/plant.h) must be found, and with none planted the
# same cases must agree. What the differential tester cannot reach (it runs
# in ring 3 on what the host has) a unit test must find, which takes the
# number of the defect from VTSIM_TEST_PLANT. A defect that only another test
# of the suite can see says so in its comment: "[system: TEST]".
set -euo pipefail
tool=$1
shift
header=$(dirname "$0")/../../cpu/plant.h
slice=(--cases 100000 --sequences 6000 --x87 10000 --seed 7 --jobs 2 --stop)
"$tool" "${slice[@]}" --show 3 >/dev/null ||
    { echo "differences without a planted defect"; exit 1; }
unit_finds() { # number, programs
    local program number=$1
    shift
    for program; do
        VTSIM_TEST_PLANT=$number "$program" >/dev/null 2>&1 || return 0
    done
    return 1
}
for program; do
    "$program" >/dev/null || { echo "$program fails by itself"; exit 1; }
done
found=0 number=0 expected=0
while read -r name elsewhere; do
    number=$((number + 1))
    if [ "$elsewhere" != - ]; then
        echo "left to another test $elsewhere: $name"
        continue
    fi
    expected=$((expected + 1))
    # PLANT_SYS_ is out of the differential tester's reach.
    if [[ $name != PLANT_SYS_* ]] &&
        ! "$tool" "${slice[@]}" --plant "$number" --show 1 >/dev/null; then
        found=$((found + 1))
    elif unit_finds "$number" "$@"; then
        echo "found by a unit test: $name"
        found=$((found + 1))
    else
        echo "NOT found: $name"
    fi
done < <(awk '
    /^    PLANT_(NONE|COUNT)/ { name = ""; next }
    /^    PLANT_/ { name = $1; sub(/,.*/, "", name); order[++n] = name }
    name != "" { text[name] = text[name] $0 }
    END {
        for (i = 1; i <= n; i++) {
            where = "-"
            if (match(text[order[i]], /\[system: [^]]*\]/))
                where = substr(text[order[i]], RSTART, RLENGTH)
            print order[i], where
        }
    }' "$header")
echo "$found of $expected planted defects found"
[ "$found" -eq "$expected" ]
