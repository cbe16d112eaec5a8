#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Forgotten invalidations of a monitor: --check tlb finds each, and finds
nothing where none is forgotten.

usage: stale.py VTSIM BUILD_DIR
"""
import pathlib
import re
import subprocess
import sys

VTSIM, BUILD = sys.argv[1], pathlib.Path(sys.argv[2])
PROGRAM = BUILD / "tests/microhv_remap"
STALE = re.compile(r"stale translation: .*; missing: (.*)")

# Kinds of workloads/microhv/probe, and what a report must name.
PROBES = {f"invvpid{n}": "INVVPID" for n in range(4)}
PROBES |= {f"invept{n}": "INVEPT" for n in range(5)}
PROBES |= {f"invpcid{n}": "INVPCID" for n in range(4)}
PROBES |= {"invlpg": "INVLPG", "cr3": "MOV to CR3"}
# Defects of workloads/microhv/plant.h.
PLANTS = {2: "INVVPID", 3: "INVVPID", 4: "INVVPID"}

failed = 0


def check(name, good, text):
    global failed
    failed += not good
    print("ok" if good else "not ok", name)
    if not good:
        print(text)


def run(*words):
    done = subprocess.run([VTSIM, "run", "--progress", "none", "--check",
                           "tlb", "--max-seconds", "100", "--memory", "64M", *map(str, words)],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    return done, STALE.findall(done.stderr)


def probe(kind, named):
    image = BUILD / "guests/microhv_probe.elf"
    options = ("--set", "core.vtx.extensions=on", "--append")
    done, stale = run(*options, f"probe={kind}", image)
    check(f"{kind}, done: new value, no report",
          done.stdout == f"probe {kind} first 1 second 2\n" and not stale,
          done.stdout + done.stderr)
    done, stale = run(*options, f"probe={kind} omit=on", image)
    check(f"{kind}, left out: old value, reported",
          done.stdout == f"probe {kind} first 1 second 1\n" and
          len(stale) == 1 and named in stale[0], done.stdout + done.stderr)


def planted(number, named):
    monitor = BUILD / (f"guests/microhv_plant{number}.elf" if number
                       else "microhv.elf")
    _, stale = run("--append", "paging=shadow", "--module", BUILD / "pk.elf",
                   "--module", f"{PROGRAM}=", monitor)
    if number:
        check(f"planted defect {number} is reported",
              bool(stale) and all(named in s for s in stale), stale)
    else:
        check("no defect, no report", not stale, stale)


def below(under):
    done, stale = run("--under", under, PROGRAM)
    check(f"{under}: no report", done.returncode == 0 and not stale,
          done.stderr)


subprocess.run(["gcc", "-static", "-O2", "-o", PROGRAM,
                pathlib.Path(__file__).with_name("remap.c")], check=True)
for name, word in PROBES.items():
    probe(name, word)
for monitor in "microhv:ept=4k", "microhv:paging=shadow":
    below(monitor)
planted(0, "")
for plant, word in PLANTS.items():
    planted(plant, word)
sys.exit(failed != 0)
