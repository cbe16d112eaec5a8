#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: bochs.py IMAGE.img...

Runs disks of the semantics suite in Bochs and prints the TAP lines, with what
bochs_differences.txt says of those that fail. The exit status is 1 when one
fails of which it says nothing, when one that it names passes, or when an
image does not come to its plan.
"""
import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from bochsrc import bochsrc  # noqa: E402

LINE = re.compile(r"^(?:not )?ok \d+|^# |^1\.\.\d+$")
SILENCE = 90  # seconds


def output(command):
    """What it writes to a terminal, up to the plan."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave,
                               stderr=subprocess.DEVNULL,
                               env=dict(os.environ, TERM="xterm"),
                               start_new_session=True)
    os.close(slave)
    data, end = b"", time.monotonic() + SILENCE
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 1)
        if ready:
            try:
                more = os.read(master, 65536)
            except OSError:
                break
            if not more:
                break
            data += more
        if re.search(rb"\n1\.\.\d+\r?\n", data):
            break
    process.kill()
    process.wait()
    os.close(master)
    return data.replace(b"\r", b"").decode("latin-1").split("\n")


def run(image):
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        (work / "disk").write_bytes(pathlib.Path(image).read_bytes())
        (work / "rc").write_text(bochsrc(work / "disk", work / "log"))
        (work / "go").write_text("c\n")
        lines = output(["bochs", "-q", "-f", str(work / "rc"), "-rc",
                        str(work / "go")])
    return [line for line in lines if LINE.match(line)]


def differences(image):
    """[part of a name, explanation, number of uses] for the image."""
    text = (pathlib.Path(__file__).parent / "bochs_differences.txt").read_text()
    rows = [[word.strip() for word in line.split("|", 2)]
            for line in text.splitlines() if not line.startswith("#")]
    return [[part, words, 0] for name, part, words in rows
            if name == pathlib.Path(image).stem]


def report(image, lines):
    """Print; True when all is well or explained."""
    known = differences(image)
    good = bool(lines) and lines[-1].startswith("1..")
    print(f"# {image}")
    for line in lines:
        print(line)
        if not line.startswith("not ok"):
            continue
        reasons = [row for row in known if row[0] in line]
        for row in reasons:
            row[2] += 1
            print(f"#   differs: {row[1]}")
        good &= bool(reasons)
    for part, _, uses in known:
        if uses == 0:
            print(f"# stale: no test with '{part}' fails")
            good = False
    return good


def main():
    results = [report(image, run(image)) for image in sys.argv[1:]]
    sys.exit(0 if results and all(results) else 1)


main()
