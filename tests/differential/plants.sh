#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: plants.sh DIFFERENTIAL_PLANTED [UNIT_PLANTED...]
# Every planted defect (cpu/plant.h) must be found, and with none planted the
# same cases must agree. What the differential tester cannot reach (it runs
# in ring 3 on what the host has) a unit test must find, which takes the
# number of the defect from VTSIM_TEST_PLANT.
set -euo pipefail
tool=$1
shift
header=$(dirname "$0")/../../cpu/plant.h
mapfile -t names < <(grep -oE '^    PLANT_[A-Z0-9_]+' "$header" |
    grep -vE 'PLANT_(NONE|COUNT)$' | tr -d ' ')
cases=60000
"$tool" --cases $cases --seed 7 --show 3 >/dev/null ||
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
found=0
for i in "${!names[@]}"; do
    number=$((i + 1))
    case ${names[$i]} in
    PLANT_SYS_*) agrees=yes ;; # out of the differential tester's reach
    *) agrees=$("$tool" --cases $cases --seed 7 --plant $number --show 1 \
        >/dev/null && echo yes || echo no) ;;
    esac
    if [ "$agrees" = yes ] && ! unit_finds $number "$@"; then
        echo "NOT found: ${names[$i]}"
    else
        found=$((found + 1))
    fi
done
echo "$found of ${#names[@]} planted defects found"
[ "$found" -eq "${#names[@]}" ]
