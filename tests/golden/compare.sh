#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: compare.sh EXPECTED COMMAND...
# The command's standard output is EXPECTED's lines but for those that begin
# with '#'. Its status does not matter: guests end by the debug exit.
set -uo pipefail
expected=$1
shift
diff <(grep -v '^#' "$expected") <("$@")
