#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guest MIPS of the engine, beside Bochs running the same image.

Every kernel announces itself on port E9h; its time is the CPU time that the
simulator's process used between the two lines, so boot and start-up do not
count. Runs are interleaved and medians are shown; ratios come from one
invocation. Guest instructions are counted by vtsim.
"""
import argparse
import json
import math
import os
import pathlib
import pty
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "tests"))
from bochsrc import bochsrc  # noqa: E402

COMPUTE = ("hash", "sieve", "fib", "interp", "matmul")
MEMORY = ("gups", "stream")
VECTOR = ("vmatmul", "vchacha", "vaes")
KERNELS = COMPUTE + MEMORY + VECTOR
LINE = re.compile(rb"\b(%s) (begin|end)(?: ([0-9a-f]{16}))?"
                  % b"|".join(k.encode() for k in KERNELS))


def cpu_seconds(pid):
    """CPU time of a process, all threads, from the scheduler's own clock."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def child_of(pid, name):
    """The process called `name` below `pid` (or itself)."""
    todo = [pid]
    while todo:
        p = todo.pop()
        if pathlib.Path(f"/proc/{p}/comm").read_text().strip() == name:
            return p
        kids = pathlib.Path(f"/proc/{p}/task/{p}/children").read_text()
        todo += [int(k) for k in kids.split()]
    return pid


def timed_run(command, comm, wanted, env=None):
    """Run `command`, return {kernel: (seconds, checksum)}."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave,
                               stderr=subprocess.DEVNULL, env=env,
                               start_new_session=True)
    os.close(slave)
    begun, result, tail, pid = {}, {}, b"", None
    try:
        while len(result) < len(wanted):
            try:
                data = os.read(master, 4096)
            except OSError:
                break
            if not data:
                break
            tail += data
            while (found := LINE.search(tail)):
                if found.group(2) == b"end" and not found.group(3):
                    break
                pid = pid or child_of(process.pid, comm)
                now = cpu_seconds(pid)
                name = found.group(1).decode()
                if found.group(2) == b"begin":
                    begun[name] = now
                elif name in wanted:  # Bochs's disk runs them all
                    result[name] = (now - begun[name],
                                    found.group(3).decode())
                tail = tail[found.end():]
    except (FileNotFoundError, ProcessLookupError):
        pass  # the process ended between the line and the look at its clock
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return result


def bochs_run(disk, work, wanted, binary):
    rc = work / "bochsrc"
    rc.write_text(bochsrc(disk, work / "bochs.log", memory=512))
    (work / "go").write_text("c\n")
    env = dict(os.environ, TERM="xterm")
    return timed_run([binary, "-q", "-f", str(rc), "-rc", str(work / "go")],
                     os.path.basename(binary)[:15], wanted, env)


def vtsim_command(vtsim, image, timing, kernels, extra=()):
    return [vtsim, "run", "--timing", timing, "--memory", "512M", "--quiet",
            "--append", " ".join(kernels), *extra, str(image)]


def below(command, under):
    """The same run as a virtual machine."""
    return command[:2] + ["--under", under] + command[2:]


def count_instructions(vtsim, image, kernel, work):
    """Guest instructions of one kernel: the run's, less an empty run's."""
    stats = work / "stats.json"
    subprocess.run(vtsim_command(vtsim, image, "off", [kernel],
                                 ["--stats", str(stats)]),
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    value = json.loads(stats.read_text())["core0"]["instructions"]
    stats.unlink()
    return value


def geometric(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtsim", default="build/vtsim")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kernels", default=",".join(KERNELS))
    parser.add_argument("--no-bochs", action="store_true")
    parser.add_argument("--under", metavar="MONITOR",
                        help="also run below it, such as microhv:ept=2m")
    parser.add_argument("--peer", help="another Bochs binary to compare with")
    parser.add_argument("--json", help="write the medians to this file")
    options = parser.parse_args()
    kernels = options.kernels.split(",")
    vtsim = os.path.abspath(options.vtsim)
    guests = pathlib.Path(vtsim).parent / "guests"
    image, disk = guests / "bench.elf", guests / "bench.img"

    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        shutil.copy(disk, work / "bench.img")
        engines = {
            "off": lambda: timed_run(
                vtsim_command(vtsim, image, "off", kernels), "vtsim", kernels),
            "simple": lambda: timed_run(
                vtsim_command(vtsim, image, "simple", kernels), "vtsim",
                kernels),
        }
        if options.under:
            for timing in ("off", "simple"):
                engines[f"hv-{timing}"] = lambda timing=timing: timed_run(
                    below(vtsim_command(vtsim, image, timing, kernels),
                          options.under), "vtsim", kernels)
        if not options.no_bochs:
            engines["bochs"] = lambda: bochs_run(
                work / "bench.img", work, kernels, shutil.which("bochs"))
        if options.peer:
            engines["peer"] = lambda: bochs_run(
                work / "bench.img", work, kernels, options.peer)
        count = {k: count_instructions(vtsim, image, k, work)
                 - count_instructions(vtsim, image, "none", work)
                 for k in kernels}
        seconds = {e: {k: [] for k in kernels} for e in engines}
        sums = {k: set() for k in kernels}
        for run in range(options.runs):
            for engine, go in engines.items():
                if engine in ("bochs", "peer") and run >= 2:
                    continue  # the slow one: two runs are enough
                for kernel, (time, checksum) in go().items():
                    seconds[engine][kernel].append(time)
                    sums[kernel].add(checksum)

    for kernel, seen in sums.items():
        if len(seen) != 1:
            sys.exit(f"bench: {kernel}: results differ: {sorted(seen)}")
    mips = {e: {k: count[k] / statistics.median(seconds[e][k]) / 1e6
                for k in kernels if seconds[e][k]} for e in engines}
    report(kernels, count, mips, engines)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(mips, indent=1))


def report(kernels, count, mips, engines):
    peers = [e for e in ("bochs", "peer") if e in engines]
    head = f"{'kernel':8} {'Minstr':>8}"
    head += "".join(f" {e + ' MIPS':>14}" for e in engines)
    for peer in peers:
        head += f" {'off/' + peer:>11} {'simple/' + peer:>14}"
    print(head)
    for k in kernels:
        line = f"{k:8} {count[k] / 1e6:8.1f}"
        line += "".join(f" {mips[e].get(k, 0):14.1f}" for e in engines)
        for peer in peers:
            base = mips[peer][k]
            line += (f" {mips['off'][k] / base:11.2f}"
                     f" {mips['simple'][k] / base:14.2f}")
        print(line)
    compute = [k for k in kernels if k in COMPUTE]
    if not compute:
        return
    line = f"{'geomean':8} {'compute':>8}"
    line += "".join(f" {geometric([mips[e][k] for k in compute]):14.1f}"
                    for e in engines)
    for peer in peers:
        for e, width in (("off", 11), ("simple", 14)):
            ratio = geometric([mips[e][k] / mips[peer][k] for k in compute])
            line += f" {ratio:{width}.2f}"
    print(line)
    for timing in ("off", "simple"):
        if f"hv-{timing}" in engines:
            ratio = geometric([mips[f"hv-{timing}"][k] / mips[timing][k]
                               for k in compute])
            print(f"below the monitor, {timing}: {ratio:.2f} of native")


if __name__ == "__main__":
    main()
