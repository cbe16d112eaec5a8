#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refuse writable file-scope symbols in the simulator's objects: a machine
is a value.

usage: check_globals.py BUILD_DIR [ALLOWED_SYMBOL...]
Reads the symbol tables of the room archives with objdump; relocated constant
tables (.data.rel.ro) are constant. Exit status 1 if there is any.
"""
import pathlib
import re
import subprocess
import sys

ROOMS = ("base", "mmu", "timer", "chipset", "cpu", "machine", "cli", "kernel")
LINE = re.compile(r"^[0-9a-f]+ .{7} (\.(?:data|bss|tdata|tbss)\S*|\*COM\*)\s+"
                  r"([0-9a-f]+)\s+(?:\.hidden )?(\S+)$")


def writable(archive):
    text = subprocess.run(["objdump", "-t", archive], check=True,
                          capture_output=True, text=True).stdout
    for line in text.splitlines():
        found = LINE.match(line)
        if not found:
            continue
        section, size, name = found.groups()
        if section.startswith(".data.rel.ro") or int(size, 16) == 0:
            continue
        if name.startswith("DW.ref."):  # what C++ unwinding tables point at
            continue
        yield name, section


if __name__ == "__main__":
    build, allowed = pathlib.Path(sys.argv[1]), set(sys.argv[2:])
    archives = [build / f"libvtsim_{room}.a" for room in ROOMS]
    archives = [a for a in archives if a.exists()]
    if not archives:
        sys.exit(f"check_globals: no archives in {build}")
    bad = [f"{a.name}: {name} in {section}"
           for a in archives for name, section in writable(a)
           if name not in allowed]
    print("\n".join(bad) if bad else f"{len(archives)} archives: no writable "
          "symbol")
    sys.exit(1 if bad else 0)
