#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random system-level cases in vtsim and in a peer, compared.

The guest image (workloads/semantics/system) makes the cases and prints one
signature a batch. Batches that differ are run again, one line a case, and
the cases that differ are explained by the waivers or shown. The status is 1
when a difference has no explanation.
"""
import argparse
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import waivers  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                ".."))
from bochsrc import bochsrc  # noqa: E402

MARK = b"@system-cases-line@"
LINE = re.compile(rb"^(\d+) (.+)$")
BATCH = 64
SILENCE = 60  # seconds after which a peer is thought to be stuck
# Both peers' address width and features, as far as the cases look at them.
VTSIM = ["--quiet", "--timing", "off", "--memory", "64M",
         "--set", "core.maxphyaddr=40", "--set", "core.umip=off",
         "--set", "core.xsave=on", "--set", "core.avx=on",
         "--set", "core.vme=on"]


def words(options, first, count, verbose):
    return (f"seed={options.seed} first={first} count={count} batch={BATCH} "
            f"kinds={options.kinds} verbose={int(verbose)} "
            f"ignore={waivers.IGNORED_FLAGS[options.peer]}")


def lines_of(data):
    """{index: rest of the line}, and whether the guest came to its end."""
    found = {}
    ended = False
    for line in data.replace(b"\r", b"").split(b"\n"):
        match = LINE.match(line)
        if match:
            found[int(match.group(1))] = match.group(2).decode("ascii",
                                                               "replace")
        ended = ended or line == b"end"
    return found, ended


def quiet_run(command):
    """Standard output of a command, ended when nothing more comes."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE)
    data = read_all(process.stdout.fileno(), b"\nend\n")
    process.kill()
    process.wait()
    process.stdout.close()
    return data


def read_all(file, last):
    """What can be read from `file` up to `last`, its end, or a long pause."""
    parts, tail = [], b""
    while last not in tail:
        if not select.select([file], [], [], SILENCE)[0]:
            break
        try:
            data = os.read(file, 65536)
        except OSError:
            break
        if not data:
            break
        parts.append(data)
        tail = (tail + data.replace(b"\r", b""))[-16:]
    return b"".join(parts)


def run_vtsim(options, line):
    extra = [w for s in options.set for w in ("--set", s)]
    return lines_of(quiet_run(
        [options.vtsim, "run", *VTSIM, *extra, "--append", line,
         f"{options.guests}/system_cases.elf"]))


def run_qemu(options, line):
    done = quiet_run(
        ["qemu-system-x86_64", "-accel", "tcg", "-cpu",
         "max,phys-bits=40,host-phys-bits=off,-umip,-pku,-pks,-la57,-vmx",
         "-m", "64", "-nodefaults", "-display", "none", "-no-reboot",
         "-debugcon", "stdio",
         "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
         "-kernel", f"{options.guests}/system_cases.elf", "-append", line])
    return lines_of(done)


def run_bochs(options, line):
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        disk = (pathlib.Path(options.guests) / "system_cases.img").read_bytes()
        at = disk.index(MARK)
        text = line.encode() + b"\0"
        disk = disk[:at] + text + disk[at + len(text):]
        (work / "disk").write_bytes(disk)
        (work / "rc").write_text(bochsrc(work / "disk", work / "log"))
        (work / "go").write_text("c\n")
        return lines_of(on_terminal(
            [options.bochs, "-q", "-f", str(work / "rc"), "-rc",
             str(work / "go")]))


def on_terminal(command):
    """The output of a command that wants a terminal; ends it at "end"."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave,
                               stderr=subprocess.DEVNULL,
                               env=dict(os.environ, TERM="xterm"),
                               start_new_session=True)
    os.close(slave)
    data = read_all(master, b"\nend\n")
    process.kill()
    process.wait()
    os.close(master)
    return data


PEERS = {"bochs": run_bochs, "qemu": run_qemu}


def both(options, line):
    """vtsim's lines and the peer's; the two run side by side."""
    result = {}

    def go(name, function):
        result[name] = function(options, line)

    threads = [threading.Thread(target=go, args=("vtsim", run_vtsim)),
               threading.Thread(target=go,
                                args=("peer", PEERS[options.peer]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    broken = False
    for name, (lines, ended) in result.items():
        if not ended:
            last = max(lines, default=None)
            print(f"{name}: no end; last line {last}: {line}")
            if last is not None and options.show:
                print("  " + lines[last])
            broken = True
    return result["vtsim"][0], result["peer"][0], broken


def ranges(batches, options):
    """Batches as (first case, number of cases), neighbours together."""
    out = []
    for b in sorted(batches):
        first = max(b * BATCH, options.first)
        end = min((b + 1) * BATCH, options.first + options.cases)
        if out and first - out[-1][1] <= 32 * BATCH and \
                end - out[-1][0] <= 300 * BATCH:
            out[-1][1] = end
        else:
            out.append([first, end])
    return out


def fields(line):
    """A case's line as ({inputs}, {outcome})."""
    head, _, tail = line.partition(" ->")
    pairs = [w.partition("=")[::2] for w in tail.split()]
    outcome = {"pte": []}
    for key, value in pairs:
        if key == "pte":
            outcome["pte"].append(int(value, 16))
        else:
            outcome[key] = int(value, 16)
    inputs = {"kind": head.split()[0] if head else "", "pte": [], "op": []}
    for word in head.split()[1:]:
        key, _, value = word.partition("=")
        if key in ("pte", "op"):
            inputs[key].append(int(value, 16))
        else:
            inputs[key] = int(value, 16)
    return inputs, outcome


def explain(peer, ours, theirs):
    """The names of the waivers that explain the difference, or nothing. A
    waiver explains all of it or the fields that it returns."""
    inputs, a = fields(ours)
    other, b = fields(theirs)
    if inputs != other:
        return []
    differs = {k for k in set(a) | set(b) if a.get(k, 0) != b.get(k, 0)}
    left, names = set(differs), []
    for waiver in waivers.WAIVERS:
        if peer not in waiver.peers:
            continue
        some = waiver.test(inputs, a, b, differs)
        if isinstance(some, set):
            if some & left:
                names.append(waiver.name)
            left -= some
        elif some:
            return [waiver.name]
    return [] if left else names


def compare(options):
    line = words(options, options.first, options.cases, False)
    begin = time.time()
    ours, theirs, broken = both(options, line)
    different = {b for b in set(ours) | set(theirs)
                 if ours.get(b) != theirs.get(b)}
    print(f"{options.cases} cases, seed {options.seed}, "
          f"{time.time() - begin:.1f} s: {len(different)} of "
          f"{len(set(ours) | set(theirs))} batches differ")
    hits, unexplained = {}, 0
    for first, end in ranges(different, options):
        ours, theirs, _ = both(options, words(options, first, end - first,
                                              True))
        for index in sorted(set(ours) | set(theirs)):
            a, b = ours.get(index, ""), theirs.get(index, "")
            if a == b:
                continue
            names = explain(options.peer, a, b)
            for name in names:
                hits[name] = hits.get(name, 0) + 1
            if names:
                continue
            unexplained += 1
            if unexplained <= options.show:
                show(index, a, b, options)
    for waiver in waivers.WAIVERS:
        if waiver.name in hits:
            print(f"waiver {waiver.name}: {hits[waiver.name]} hits "
                  f'("{waiver.source}")')
    print(f"{unexplained} unexplained differences to {options.peer}")
    return 1 if unexplained or broken else 0


def show(index, a, b, options):
    head, _, ours = a.partition(" ->")
    theirs = b.partition(" ->")[2]
    common = set(ours.split()) & set(theirs.split())
    print(f"case {index}: {head}")
    print("   common: " + " ".join(w for w in ours.split() if w in common))
    for name, text in (("vtsim", ours), (options.peer, theirs)):
        print(f"   {name:6}: " + " ".join(w for w in text.split()
                                          if w not in common))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vtsim", default="build/vtsim")
    parser.add_argument("--guests", help="directory of the guest images")
    parser.add_argument("--bochs", default=shutil.which("bochs"))
    parser.add_argument("--peer", choices=sorted(PEERS), default="bochs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--kinds", help="letters; see the guest's main.c")
    parser.add_argument("--show", type=int, default=10)
    parser.add_argument("--set", action="append", default=[],
                        help="a parameter of vtsim")
    options = parser.parse_args()
    options.vtsim = os.path.abspath(options.vtsim)
    options.kinds = options.kinds or waivers.KINDS[options.peer]
    if options.guests is None:
        options.guests = os.path.join(os.path.dirname(options.vtsim),
                                      "guests")
    sys.exit(compare(options))


if __name__ == "__main__":
    main()
