#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bare-metal kernels natively and below microhv: same output, same status.

usage: kernels.py VTSIM BUILD_DIR
"""
import pathlib
import subprocess
import sys

VTSIM = sys.argv[1]
BUILD = pathlib.Path(sys.argv[2])
EPT = "microhv:ept=4k", "microhv:ept=2m,vpid=off", "microhv:ept=1g"
EXITS = "microhv:ept=2m,apic=exit,io=exit,hlt=exit"
SHADOW = "microhv:paging=shadow", "microhv:paging=shadow,vpid=off"

# image, command line, monitors
RUNS = [
    ("hello", None, (*EPT, EXITS, *SHADOW)),
    ("chase", "page=4k stride=4096 kib=64 kib=4096", ()),
    ("exits", "cpuid=5 cr0=5 xsetbv=5 io=5 vmcall=5 msr=5 nop=5", ()),
] + [("ends", word, (*EPT, EXITS, SHADOW[0])) for word in
     ("triple", "reset", "shutdown", "m5exit", "m5fail", "sum", "hlt")]


def run(image, line, under):
    command = [VTSIM, "run", "--quiet", "--max-seconds", "60"]
    if line:
        command += ["--append", line]
    if under:
        command += ["--under", under]
    done = subprocess.run(command + [BUILD / "guests" / f"{image}.elf"],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    return done.returncode, done.stdout


def standalone():
    """microhv as the kernel, the guest its module: it loads it itself."""
    done = subprocess.run(
        [VTSIM, "run", "--quiet", "--append", "ept=2m",
         "--module", BUILD / "guests/hello.elf", BUILD / "microhv.elf"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout


def main():
    bad = 0
    for image, line, monitors in RUNS:
        want = run(image, line, None)
        if want[0] in range(121, 126):
            sys.exit(f"kernels: {image} does not run natively: {want}")
        for under in monitors:
            got = run(image, line, under)
            good = got == want
            bad += not good
            print("ok" if good else "not ok", image, line or "", under)
            if not good:
                print(f"  native {want}\n  below  {got}")
    want = run("hello", None, None)
    got = standalone()
    bad += got != want
    print("ok" if got == want else f"not ok: {got}", "hello as a module")
    sys.exit(bad != 0)


main()
