#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pointer chase against the preset: cycles of a dependent load at every
plateau of the memory hierarchy and of address translation.

usage: chase.py --vtsim PROGRAM [--preset NAME ...] [--plot BASENAME]

Without --plot, checks the plateaus (3 %) and exits 1 when one is off.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

LINE = re.compile(r"chase (\S+) (\d+) (\d+) (\d+)")
SWEEP = [16 << i for i in range(16)]  # KiB: 16 .. 512 Ki


def chase(vtsim, preset, page, stride, sizes):
    """{KiB: cycles per load} and the resolved configuration."""
    image = pathlib.Path(vtsim).parent / "guests" / "chase.elf"
    words = f"page={page} stride={stride} " + " ".join(
        f"kib={k}" for k in sizes)
    with tempfile.TemporaryDirectory() as work:
        stats = pathlib.Path(work, "stats.json")
        run = subprocess.run(
            [vtsim, "run", "--preset", preset, "--memory", "2G", "--quiet",
             "--stats", stats, "--append", words, image],
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if run.returncode != 1:  # debug exit with value 0
            sys.exit(f"chase: status {run.returncode}: {run.stderr}")
        config = json.loads(stats.read_text())["config"]
    found = {int(k): int(c) / 1000
             for _, _, k, c in LINE.findall(run.stdout)}
    return found, config


def parameter(config, name):
    for part in name.split("."):
        config = config[part]
    return config


def within(value, want, tolerance):
    return abs(value - want) <= tolerance * want


def check(vtsim, preset):
    """Problems of one preset, as lines."""
    _, config = chase(vtsim, preset, "2m", 64, [16])

    def of(name):
        return parameter(config, name)

    l1, l2 = of("core.l1d.latency"), of("core.l2.latency")
    dram = of("dram.latency")
    l1_kib, l2_kib = of("core.l1d.size") // 1024, of("core.l2.size") // 1024
    l3_kib = of("l3.size") // 1024
    l3 = of("l3.latency")
    entries, stlb = of("core.dtlb.4k.entries"), of("core.stlb.entries")

    bad = []

    def look(what, got, want, tolerance):
        line = f"{preset}: {what}: {got:.2f} cycles a load, want {want:.2f}"
        print(line)
        if not within(got, want, tolerance):
            bad.append(line)

    # One page, or few enough for the first-level TLB: no walks.
    page = "1g" if of("core.pages_1g") else "2m"
    big = (512 if page == "1g" else 64) * 1024
    sizes = [max(1, l1_kib // 2), big]
    middle = l2_kib // 2 if l2_kib >= 8 * l1_kib else None
    l3_middle = l3_kib // 2 if l3_kib >= 8 * l2_kib else None
    sizes += [s for s in (middle, l3_middle) if s]
    got, _ = chase(vtsim, preset, page, 64, sizes)
    look("L1D plateau", got[sizes[0]], l1, 0.02)
    if middle:  # the L1D still serves its share of the nodes
        look("L2 plateau", got[middle], l2, l1_kib / middle + 0.02)
    if l3_middle:
        look("L3 plateau", got[l3_middle], l3, l2_kib / l3_middle + 0.02)
    look("DRAM plateau", got[big], dram, 0.03)

    # Translation: one line a 4 KiB page (stride 4096 + 64 spreads the sets),
    # so the lines stay in the caches and only the TLBs are exceeded.
    stride = 4096 + 64
    fits = entries // 2
    beyond = min(stlb // 2, 4 * entries)
    if beyond > entries and l1_kib * 16 > beyond:
        small, large = (n * stride // 1024 + 1 for n in (fits, beyond))
        got, _ = chase(vtsim, preset, "4k", stride, [small, large])
        look("DTLB hit", got[small], l1, 0.03)
        if beyond >= 2 * entries:
            look("STLB hit", got[large], l1 + of("core.stlb.latency"), 0.1)
    return bad


def plot(vtsim, preset, base):
    """A figure of three page sizes by gnuplot, with its data beside it."""
    base = pathlib.Path(base).resolve()
    base.parent.mkdir(parents=True, exist_ok=True)
    columns = {p: chase(vtsim, preset, p, 64, SWEEP)[0]
               for p in ("4k", "2m", "1g")}
    with open(f"{base}.dat", "w") as data:
        data.write(f"# preset {preset}: KiB, cycles per load with 4K, 2M, 1G "
                   "pages\n")
        for k in SWEEP:
            data.write(f"{k} {columns['4k'][k]} {columns['2m'][k]} "
                       f"{columns['1g'][k]}\n")
    script = f"""set terminal pngcairo size 900,560 font 'sans,11'
set output '{base.name}.png'
set logscale x 2
set logscale y 2
set grid
set key top left
set xlabel 'footprint (KiB)'
set ylabel 'cycles per dependent load'
set title 'Pointer chase, preset {preset}, --timing=simple'
plot '{base.name}.dat' using 1:2 with linespoints title '4 KiB pages', \\
     '' using 1:3 with linespoints title '2 MiB pages', \\
     '' using 1:4 with linespoints title '1 GiB pages'
"""
    pathlib.Path(f"{base}.gp").write_text(script)
    subprocess.run(["gnuplot", f"{base.name}.gp"], cwd=base.parent, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtsim", required=True)
    parser.add_argument("--preset", action="append")
    parser.add_argument("--plot")
    options = parser.parse_args()
    presets = options.preset or ["skylake"]
    if options.plot:
        plot(options.vtsim, presets[0], options.plot)
        return
    bad = [line for p in presets for line in check(options.vtsim, p)]
    if bad:
        sys.exit("off its plateau:\n" + "\n".join(bad))


if __name__ == "__main__":
    main()
