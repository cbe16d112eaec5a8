#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: docs_current.sh VTSIM DOCS: the generated pages are what the program
# would generate now.
set -u
bad=0
for page in parameters statistics costs vmx-entry-checks; do
    option=--$page
    [ $page = parameters ] && option=--markdown
    [ $page = vmx-entry-checks ] && option=--entry-checks
    if ! "$1" params $option | diff -u "$2/$page.md" - >&2; then
        echo "docs/$page.md is out of date: run ./dev docs" >&2
        bad=1
    fi
done
exit $bad
