#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nested paging: what address translation costs natively, under EPT and with
shadow paging.

usage: nested.py --vtsim PROGRAM [--mib N] [--plot BASENAME] [--json FILE]

Runs the programs of bench/nested.c with every combination of page sizes of
guest and EPT, and prints one table. With --plot, also BASENAME.dat, .gp and
.png.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# name, pages of the guest, --under
CONFIGS = (
    ("native 4K", "4k", None),
    ("native 2M", "2m", None),
    ("EPT 4K/4K", "4k", "microhv:ept=4k"),
    ("EPT 4K/2M", "4k", "microhv:ept=2m"),
    ("EPT 2M/2M", "2m", "microhv:ept=2m"),
    ("shadow 4K", "4k", "microhv:paging=shadow"),
)
CAUSES = ("compulsory", "capacity", "invalidated", "fault")


def programs(mib):
    """name, arguments, operations of the region of interest."""
    return (("gups", [mib, 400000], 400000),
            ("chase", [mib, 400000], 400000),
            ("churn", [4, 20], 4 * 256 * 20))


def build(work):
    out = work / "nested"
    subprocess.run(["gcc", "-static", "-O2", "-Wall",
                    f"-I{HERE.parent / 'workloads/include'}", "-o", out,
                    HERE / "nested.c"], check=True)
    return out


def run(vtsim, binary, memory, guest_page, under, arguments, work):
    stats = work / "stats.json"
    command = [vtsim, "run", "--quiet", "--memory", memory, "--guest-page",
               guest_page, "--stats", stats]
    if under:
        command += ["--under", under]
    done = subprocess.run(command + [binary, "--", *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    if done.returncode != 0:
        sys.exit(f"nested: {under} {arguments}: status {done.returncode}: "
                 f"{done.stderr}")
    return done.stdout, json.loads(stats.read_text())


def value(core, name):
    """A statistic, or the sum below a name; 0 when there is none."""
    at = core
    for part in name.split("."):
        at = at.get(part, {}) if isinstance(at, dict) else {}
    return total(at)


def total(tree):
    if isinstance(tree, dict):
        return sum(map(total, tree.values()))
    return tree


def exits(core):
    """VM exits in the region: the counts of all reasons."""
    return sum(reason.get("count", 0)
               for reason in core.get("exits", {}).values()
               if isinstance(reason, dict))


def measure(stats, operations):
    core = stats["core0"]
    stack = core["cycle_stack"]
    walk = {side: value(stack, f"dtlb_walk.{side}") +
            value(stack, f"itlb_walk.{side}") for side in ("guest", "ept")}
    misses = {c: value(core, f"stlb.miss_cause.{c}") for c in CAUSES}
    return {
        "cycles": core["cycles"] / operations,
        "walks": (value(core, "walk.count.data") +
                  value(core, "walk.count.fetch")) / operations,
        "references": {s: value(core, f"walk.references.{s}") / operations
                       for s in walk},
        "walk_cycles": {s: v / operations for s, v in walk.items()},
        "misses": {c: v / operations for c, v in misses.items()},
        "exits": exits(core) / operations,
    }


def table(results):
    print(f"{'':6} {'':10} {'cycles':>8} {'over':>6} {'walks':>6} "
          f"{'references':>13} {'walk cycles':>15} {'walk':>6} "
          f"{'STLB misses by cause':>31} {'exits':>7}")
    print(f"{'':6} {'':10} {'an op':>8} {'native':>6} {'an op':>6} "
          f"{'guest':>6} {'EPT':>6} {'guest':>7} {'EPT':>7} {'share':>6} "
          f"{'comp.':>7} {'capac.':>7} {'inval.':>7} {'fault':>7} "
          f"{'an op':>7}")
    for program, by_config in results.items():
        base = by_config["native 4K"]["cycles"]
        for name, m in by_config.items():
            walk = sum(m["walk_cycles"].values())
            print(f"{program:6} {name:10} {m['cycles']:8.1f} "
                  f"{m['cycles'] / base:6.2f} {m['walks']:6.3f} "
                  f"{m['references']['guest']:6.2f} "
                  f"{m['references']['ept']:6.2f} "
                  f"{m['walk_cycles']['guest']:7.2f} "
                  f"{m['walk_cycles']['ept']:7.2f} "
                  f"{100 * walk / m['cycles']:5.1f}% "
                  + " ".join(f"{m['misses'][c]:7.4f}" for c in CAUSES)
                  + f" {m['exits']:7.4f}")


PLOT = """\
set terminal pngcairo size 900,560 font 'sans,11'
set output '{name}.png'
set style data histogram
set style histogram rowstacked gap 1
set style fill solid 0.9 border -1
set boxwidth 0.8
set grid ytics
set key top right outside
set ylabel 'cycles an operation'
set xtics rotate by -40 font 'sans,9'
set bmargin 7
set title 'Nested paging, preset skylake, --timing=simple'
plot {parts}
"""


def plot(results, base):
    """Stacked bars of the loops (churn is on another scale)."""
    base = pathlib.Path(base)
    rows, parts = ["# config other walk.guest walk.ept"], []
    for block, program in enumerate(p for p in results if p != "churn"):
        rows += (["", ""] if block else []) + [f"# {program}"]
        for name, m in results[program].items():
            guest, ept = m["walk_cycles"]["guest"], m["walk_cycles"]["ept"]
            rows.append(f'"{name}" {m["cycles"] - guest - ept:.2f} '
                        f"{guest:.2f} {ept:.2f}")
        titles = [("other", "#9aa5b1"), ("walk, guest tables", "#2b6cb0"),
                  ("walk, EPT", "#c05621")]
        parts.append(f"newhistogram '{program}' offset 0,-3")
        parts += [f"'{base.name}.dat' index {block} using {2 + i}"
                  f"{':xtic(1)' if i == 0 else ''} linecolor rgb '{color}' "
                  + (f"title '{title}'" if block == 0 else "notitle")
                  for i, (title, color) in enumerate(titles)]
    base.with_suffix(".dat").write_text("\n".join(rows) + "\n")
    base.with_suffix(".gp").write_text(
        PLOT.format(name=base.name, parts=", \\\n     ".join(parts)))
    subprocess.run(["gnuplot", base.name + ".gp"], cwd=base.parent, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtsim", default="build/vtsim")
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--only", help="one program")
    parser.add_argument("--plot")
    parser.add_argument("--json")
    o = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        binary = build(work)
        for program, arguments, operations in programs(o.mib):
            if o.only and o.only != program:
                continue
            seen = set()
            results[program] = {}
            for config, page, under in CONFIGS:
                text, stats = run(o.vtsim, binary, o.memory, page, under,
                                  [program, *arguments], work)
                seen.add(text)
                results[program][config] = measure(stats, operations)
                print(f"  {program} {config}", file=sys.stderr)
            if len(seen) != 1:
                sys.exit(f"nested: {program}: outputs differ: {seen}")
    table(results)
    if o.json:
        pathlib.Path(o.json).write_text(json.dumps(results, indent=1) + "\n")
    if o.plot:
        plot(results, o.plot)


main()
