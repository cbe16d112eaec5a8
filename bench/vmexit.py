#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Host time of a VM exit: vtsim's own speed on the way out of a guest and
back in, with microhv's handler.

usage: vmexit.py --vtsim PROGRAM [--timing off|simple] [--limit MICROSECONDS]

Every kind of exit runs in a loop of workloads/guests/exits; the host's CPU
time of a short run is subtracted from a long one's. With --limit the exit
status says whether all are below.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

# word, options of microhv
KINDS = (("cpuid", ""), ("cr0", ""), ("xsetbv", ""), ("io", ",io=exit"),
         ("invd", ""), ("vmcall", ""), ("msr", ""))
LINE = re.compile(r"exits (\w+) (\d+) (\d+)")


def run(vtsim, timing, under, word, count):
    """CPU seconds of vtsim, and the guest's cycles."""
    image = pathlib.Path(vtsim).parent / "guests/exits.elf"
    command = [vtsim, "run", "--quiet", "--timing", timing, "--append",
               f"{word}={count}"]
    if under:
        command += ["--under", under]
    process = subprocess.Popen(command + [image], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = LINE.search(text)
    if process.returncode != 1 or not found:
        sys.exit(f"vmexit: {word}: status {process.returncode}: {text}")
    return usage.ru_utime + usage.ru_stime, int(found.group(3))


def measure(o, word, options):
    under = f"microhv:ept=2m{options}" if o.paging == "ept" else \
        f"microhv:paging=shadow{options}"
    best = None
    for _ in range(o.runs):
        short, _ = run(o.vtsim, o.timing, under, word, 1000)
        long, cycles = run(o.vtsim, o.timing, under, word, 1000 + o.count)
        each = (long - short) / o.count * 1e6
        best = each if best is None else min(best, each)
    _, native = run(o.vtsim, o.timing, None, word, 1000)
    return best, cycles / (1000 + o.count), native / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtsim", default="build/vtsim")
    parser.add_argument("--timing", default="simple")
    parser.add_argument("--paging", default="ept")
    parser.add_argument("--count", type=int, default=200000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--limit", type=float)
    o = parser.parse_args()
    o.vtsim = os.path.abspath(o.vtsim)
    print(f"{'exit':8} {'host us':>8} {'guest cycles':>13} {'native':>8}")
    slow = []
    for word, options in KINDS:
        each, cycles, native = measure(o, word, options)
        print(f"{word:8} {each:8.3f} {cycles:13.1f} {native:8.1f}")
        if o.limit and each > o.limit:
            slow.append(word)
    if slow:
        sys.exit(f"vmexit: slower than {o.limit} us: {' '.join(slow)}")


main()
