#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The runner itself, against a program that answers by the sub-test's name.

usage: check.py
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import catalogue

RUN = pathlib.Path(__file__).with_name("run.py")
FAKE = """#!/bin/sh
case "$*" in
*nmi_hlt*) echo "SKIP: why"; echo "SUMMARY: 1 tests, 1 skipped"; exit 77 ;;
*null*) echo "FAIL: this"; echo "FAIL: that"; exit 3 ;;
*PML*) exit 124 ;;
*) echo "SUMMARY: 1 tests"; exit 1 ;;
esac
"""


def expect(what, holds):
    if not holds:
        sys.exit(f"check.py: {what}")


def main():
    names = [name for _, name in catalogue.vmx_subtests()]
    expect("107 sub-tests", len(names) == 107 and len(set(names)) == 107)
    others = [row[0] for row in catalogue.OTHERS]
    expect("options and reasons are of tests there are",
           set(catalogue.OPTIONS) | set(catalogue.WHY) <=
           set(names) | set(others))
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        fake = place / "vtsim"
        fake.write_text(FAKE)
        os.chmod(fake, 0o755)
        (place / "vmx.flat").write_bytes(b"")
        p = subprocess.run(
            [sys.executable, RUN, place, "--vtsim", fake, "--only", "[A-Z]*",
             "--only", "n*", "--only", "vmenter", "-o", place / "t.md"],
            capture_output=True, text=True, check=False)
        table = (place / "t.md").read_text()
    expect("a failure without a known reason is reported", p.returncode == 1)
    for line in ("| B | vmenter | pass | 1 tests |",
                 "| B | null | fail |  |",
                 "FAIL: this (and 1 more)",
                 "| E | nmi_hlt | skip | 1 tests, 1 skipped |",
                 "| H | PML | no end |",
                 "| B | Entry and exit | 2 | 1 | 1 | 0 | 0 |"):
        expect(f"'{line}' in\n{table}", line in table)
    print("the runner is right")


if __name__ == "__main__":
    main()
