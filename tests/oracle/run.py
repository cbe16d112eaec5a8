#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One planted bug of each kind: microhv_probe with one invalidation left out.
Each must be found with the instruction's name, none in the clean monitor, and
the oracle must change no statistic.

usage: run.py VTSIM PROBE
"""
import concurrent.futures
import re
import subprocess
import sys

KINDS = {"invlpg": "INVLPG", "cr3": "MOV to CR3"}
KINDS |= {f"invpcid{n}": "INVPCID" for n in range(4)}
KINDS |= {f"invvpid{n}": "INVVPID" for n in range(4)}
KINDS |= {f"invept{n}": "INVEPT" for n in range(5)}


def run(vtsim, probe, kind, *options, omit=False):
    text = f"probe={kind}" + (" omit=on" if omit else "")
    p = subprocess.run(
        [vtsim, "run", "--set", "core.vtx.extensions=on", *options,
         "--append", text, probe],
        capture_output=True, text=True, timeout=120, check=False)
    return p.returncode, p.stdout, p.stderr


def second(out):
    m = re.search(r"first 1 second (\d)", out)
    return int(m.group(1)) if m else None


def check_kind(vtsim, probe, kind):
    wrong = []
    _, out, err = run(vtsim, probe, kind, "--check", "tlb")
    if second(out) != 2 or "stale" in err:
        wrong.append(f"{kind}: clean: {out!r} {err[:200]!r}")
    _, out, err = run(vtsim, probe, kind, "--check", "tlb", omit=True)
    lines = [x for x in err.splitlines() if "stale translation" in x]
    if second(out) != 1 or len(lines) != 1:
        wrong.append(f"{kind}: omitted: {out!r}, findings {lines}")
    elif KINDS[kind] not in lines[0].split("missing: ")[1] or \
            "(vm_run+" not in lines[0]:
        wrong.append(f"{kind}: {lines[0]}")
    return wrong


def check_modes(vtsim, probe):
    wrong = []
    status, _, err = run(vtsim, probe, "invept1", "--check", "tlb=stop",
                         omit=True)
    if status != 126 or "missing: INVEPT" not in err:
        wrong.append(f"stop: status {status}")
    _, out, _ = run(vtsim, probe, "invept1", "--check", "tlb=fresh", omit=True)
    if second(out) != 2:
        wrong.append(f"fresh: {out!r}")
    seen = {second(run(vtsim, probe, "invept1", "--check", "tlb=random",
                       "--seed", str(n), omit=True)[1]) for n in range(8)}
    if seen != {1, 2}:
        wrong.append(f"random: {seen}")
    status, _, err = run(vtsim, probe, "invept1", "--check", "tlb",
                         "--timing", "off")
    if status == 0 or "needs core.timing" not in err:
        wrong.append(f"without timing: status {status}, {err!r}")
    return wrong


def check_statistics(vtsim, probe):
    texts = []
    for check in ("off", "report"):
        _, out, _ = run(vtsim, probe, "invvpid1", "--set",
                        f"mmu.check_tlb={check}", "--stats-text",
                        "/dev/stdout", omit=True)
        texts.append([x for x in out.splitlines() if "check_tlb" not in x and "# host" not in x])
    for a, b in zip(*texts):
        if a != b:
            return [f"statistics: {a} | {b}"]
    return [] if len(texts[0]) == len(texts[1]) > 100 else ["no statistics"]


def main():
    vtsim, probe = sys.argv[1:3]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(check_kind, vtsim, probe, k) for k in KINDS]
        jobs.append(pool.submit(check_modes, vtsim, probe))
        jobs.append(pool.submit(check_statistics, vtsim, probe))
        wrong = [line for j in jobs for line in j.result()]
    for line in wrong:
        print(line)
    print(f"{len(KINDS)} kinds of invalidation, {len(wrong)} wrong")
    return 1 if wrong else 0


sys.exit(main())
