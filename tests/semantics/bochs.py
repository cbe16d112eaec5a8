#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: bochs.py IMAGE.img...

Runs disks of the semantics suite in Bochs and prints the TAP lines; the exit
status is 1 when a test fails there or one does not come to its plan.
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

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "system_cases"))
from compare import BOCHSRC  # noqa: E402

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
        (work / "rc").write_text(BOCHSRC.format(disk=work / "disk",
                                                log=work / "log"))
        (work / "go").write_text("c\n")
        lines = output(["bochs", "-q", "-f", str(work / "rc"), "-rc",
                        str(work / "go")])
    return [line for line in lines if LINE.match(line)]


def main():
    good = len(sys.argv) > 1
    for image in sys.argv[1:]:
        lines = run(image)
        print(f"# {image}")
        print("\n".join(lines))
        good &= bool(lines) and lines[-1].startswith("1..") and \
            not any(line.startswith("not ok") for line in lines)
    sys.exit(0 if good else 1)


main()
