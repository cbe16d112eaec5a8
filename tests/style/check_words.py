#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Source hygiene: SPDX lines, file length, open ends, tabs.

usage: check_words.py ROOT
"""
import pathlib
import re
import subprocess
import sys

OPEN_ENDS = re.compile(r"\b(FIXME|XXX|HACK)\b|TODO(?!\(#\d+\))")
LIMIT = 900  # lines; tables (.def) are free


def tracked(root):
    text = subprocess.run(["git", "-C", root, "ls-files", "-co",
                           "--exclude-standard"], check=True,
                          capture_output=True, text=True).stdout
    return [pathlib.Path(root, name) for name in text.splitlines()]


def check(root):
    bad = []
    for file in tracked(root):
        if file.suffix not in (".c", ".h", ".cpp", ".S", ".py", ".sh"):
            continue
        if not file.exists() or file.name == "check_words.py":
            continue
        name = file.relative_to(root).as_posix()
        lines = file.read_text().splitlines()
        if not any("SPDX-License-Identifier" in l for l in lines[:4]):
            bad.append(f"{name}: no SPDX line")
        if len(lines) > LIMIT:
            bad.append(f"{name}: {len(lines)} lines (limit {LIMIT})")
        for number, line in enumerate(lines, 1):
            if OPEN_ENDS.search(line):
                bad.append(f"{name}:{number}: open end: {line.strip()}")
            if "\t" in line and file.suffix in (".c", ".h", ".cpp"):
                bad.append(f"{name}:{number}: tab")
    return bad


if __name__ == "__main__":
    problems = check(sys.argv[1])
    print("\n".join(problems) if problems else "sources are tidy")
    sys.exit(1 if problems else 0)
