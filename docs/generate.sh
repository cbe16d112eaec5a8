#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: generate.sh VTSIM
# Rewrite docs/parameters.md, docs/statistics.md, docs/costs.md,
# docs/vmx-entry-checks.md and the figure of docs/timing.md from the program.
set -euo pipefail
vtsim=$(readlink -f "$1")
cd "$(dirname "$0")"
"$vtsim" params --markdown >parameters.md
"$vtsim" params --statistics >statistics.md
"$vtsim" params --costs >costs.md
"$vtsim" params --entry-checks >vmx-entry-checks.md
python3 ../tests/timing/chase.py --vtsim "$vtsim" --plot figures/chase
