#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: bochs.py IMAGE GOLDEN

Runs a guest test's disk image in Bochs and shows the lines of the stored
outcome that Bochs prints differently, with the number of those it has alike.
The head of the golden file says why they differ.
"""
import pathlib
import re
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "system_cases")]
from bochsrc import bochsrc  # noqa: E402
from compare import on_terminal  # noqa: E402

LINE = re.compile(r"^[a-z][a-z0-9_+ -]*: |^(?:16|32) [a-z0-9_+]+: ")


def bochs_lines(image):
    """What the guest printed: its lines are 'name: values'."""
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        (work / "disk").write_bytes(pathlib.Path(image).read_bytes())
        (work / "rc").write_text(bochsrc(work / "disk", work / "log"))
        (work / "go").write_text("c\n")
        raw = on_terminal(["bochs", "-q", "-f", str(work / "rc"), "-rc",
                           str(work / "go")])
    text = raw.replace(b"\r", b"").decode("latin-1")
    return [line for line in text.split("\n") if LINE.match(line)]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stored = [line for line in
              pathlib.Path(sys.argv[2]).read_text().splitlines()
              if line and not line.startswith("#")]
    name = [line.split(":")[0] for line in stored]
    peer = [line for line in bochs_lines(sys.argv[1])
            if line.split(":")[0] in name]
    if [line.split(":")[0] for line in peer] != name:
        sys.exit("bochs.py: Bochs ran other cases than the golden file has")
    alike = 0
    for ours, theirs in zip(stored, peer):
        if ours == theirs:
            alike += 1
        else:
            print(f"golden {ours}\nbochs  {theirs}")
    print(f"{alike} of {len(stored)} lines alike")


main()
