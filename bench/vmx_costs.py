#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What VMX operations cost: published figures against simulated ones.

For every preset with VMX the guest vmxcost measures itself by RDTSC; its
figures stand beside those that the preset lists as published. A figure that
the preset follows must be met within 5 % (--tolerance); one of another source,
named after a dot, is shown only. The exit code is 1 when one is missed.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def output(*words):
    return subprocess.run(words, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def presets(vtsim):
    """Names of the presets that have VMX."""
    names = [line.split()[0] for line in
             output(vtsim, "presets").splitlines() if line.strip()]
    return [n for n in names
            if re.search(r"^core\.vmx +(on|true) ", output(vtsim, "presets", n), re.M)]


def published(vtsim, preset):
    """{name: (value, confidence, source)} of the preset's last table."""
    _, _, table = output(vtsim, "presets", preset).partition("\npublished ")
    rows = {}
    for line in table.splitlines()[1:]:
        name, value, _, confidence, source = line.split(None, 4)
        rows[name] = (float(value), confidence, source)
    return rows


def simulated(vtsim, guest, preset):
    """{name: cycles} as the guest measures them."""
    run = subprocess.run([vtsim, "run", "--quiet", "--preset", preset, guest],
                         text=True, stdout=subprocess.PIPE)
    rows = {}
    for line in run.stdout.splitlines():
        match = re.fullmatch(r"(\w+) (\d+\.\d\d)", line)
        if match:
            rows[match[1]] = float(match[2])
    if run.returncode != 1 or not rows:  # it writes 0 to the debug-exit port
        sys.exit(f"{preset}: the guest failed ({run.returncode}):\n{run.stdout}")
    return rows


def report(preset, known, measured, tolerance):
    """Print the preset's part of the table; the number of misses."""
    misses = 0
    for name, cycles in measured.items():
        figures = {k: v for k, v in known.items() if k.split(".")[0] == name}
        if not figures:
            print(f"{preset:<15} {name:<16} {'-':>9} {cycles:>9.2f} {'':>7}  "
                  f"{'gap':<9} no figure of this part was found")
        for figure, (value, confidence, source) in figures.items():
            off = 100 * (cycles - value) / value
            followed = figure == name
            miss = followed and abs(off) > tolerance
            misses += miss
            note = "  MISSED" if miss else "" if followed else "  (other source)"
            print(f"{preset:<15} {name:<16} {value:>9.0f} {cycles:>9.2f} "
                  f"{off:>+6.1f}%  {confidence:<9} {source}{note}")
    for figure in known:
        if figure.split(".")[0] not in measured:
            print(f"{preset:<15} {figure}: published, but not measured  MISSED")
            misses += 1
    return misses


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vtsim", default=str(ROOT / "build/vtsim"))
    parser.add_argument("--guest", default=str(ROOT / "build/guests/vmxcost.elf"))
    parser.add_argument("--tolerance", type=float, default=5.0, help="per cent")
    parser.add_argument("preset", nargs="*", help="default: all with VMX")
    args = parser.parse_args()
    print(f"{'preset':<15} {'operation':<16} {'published':>9} {'simulated':>9} "
          f"{'off':>7}  {'basis':<9} source")
    misses = 0
    for preset in args.preset or presets(args.vtsim):
        misses += report(preset, published(args.vtsim, preset),
                         simulated(args.vtsim, args.guest, preset),
                         args.tolerance)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
