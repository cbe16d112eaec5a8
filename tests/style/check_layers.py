#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refuse an include that climbs the layers of ARCHITECTURE.md, reaches into
another room's private header, or leaves workloads/.

usage: check_layers.py ROOT
Prints one line a violation; exit status 1 if there is any.
"""
import pathlib
import re
import sys

# room -> rooms whose headers it may include
ALLOWED = {
    "sim/base": [],
    "sim/kernel": ["sim/base"],
    "sim/chipset": ["sim/base", "timer"],
    "timer": ["sim/base"],
    "mmu": ["sim/base"],
    "iommu": ["sim/base", "mmu"],
    "cpu": ["sim/base", "mmu", "timer"],
    "sim/machine": ["sim/base", "sim/kernel", "sim/chipset", "timer", "mmu",
                    "iommu", "cpu"],
    "sim/debug": ["sim/base", "sim/machine", "cpu", "mmu"],
    "sim/cli": ["sim/base", "sim/machine", "sim/debug", "cpu", "mmu"],
}
# headers that only their own room may include (tests may, too)
PRIVATE = {"cpu/state.h", "cpu/uop.h", "cpu/mem.h", "cpu/xlat.h",
           "cpu/event.h", "cpu/flags.h", "cpu/block.h", "cpu/codecache.h",
           "cpu/debugger_hook.h", "cpu/debugger_view.h", "cpu/trace.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def room_of(path):
    for room in sorted(ALLOWED, key=len, reverse=True):
        if path.startswith(room + "/"):
            return room
    return None


def check(root):
    bad = []
    for top in ("sim", "cpu", "mmu", "iommu", "timer"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in (".c", ".h", ".cpp", ".def"):
                continue
            name = file.relative_to(root).as_posix()
            room = room_of(name)
            for number, line in enumerate(file.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                target = found.group(1)
                other = room_of(target)
                if other is None:
                    bad.append(f"{name}:{number}: \"{target}\" names no room")
                elif other != room and other not in ALLOWED[room]:
                    bad.append(f"{name}:{number}: {room} may not include "
                               f"{other} ({target})")
                elif other != room and target in PRIVATE:
                    bad.append(f"{name}:{number}: {target} is private")
    for file in sorted((root / "workloads").rglob("*.[chS]")):
        name = file.relative_to(root).as_posix()
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if found and room_of(found.group(1)):
                bad.append(f"{name}:{number}: workloads/ is freestanding but "
                           f"includes {found.group(1)}")
    return bad


if __name__ == "__main__":
    problems = check(pathlib.Path(sys.argv[1]))
    print("\n".join(problems) if problems else "layers hold")
    sys.exit(1 if problems else 0)
