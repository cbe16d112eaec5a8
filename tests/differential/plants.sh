#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: plants.sh DIFFERENTIAL_PLANTED
# Every planted defect (cpu/plant.h) must be found, and with none planted the
# same cases must agree.
set -euo pipefail
tool=$1
header=$(dirname "$0")/../../cpu/plant.h
mapfile -t names < <(grep -oE '^    PLANT_[A-Z0-9_]+' "$header" |
    grep -vE 'PLANT_(NONE|COUNT)$' | tr -d ' ')
cases=60000
"$tool" --cases $cases --seed 7 --show 3 >/dev/null ||
    { echo "differences without a planted defect"; exit 1; }
found=0
for i in "${!names[@]}"; do
    number=$((i + 1))
    if "$tool" --cases $cases --seed 7 --plant $number --show 1 >/dev/null
    then
        echo "NOT found: ${names[$i]}"
    else
        found=$((found + 1))
    fi
done
echo "$found of ${#names[@]} planted defects found"
[ "$found" -eq "${#names[@]}" ]
