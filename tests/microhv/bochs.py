#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs microhv with a bare-metal guest in Bochs, behind a boot sector.

usage: bochs.py MICROHV.elf GUEST.elf [--options "ept=2m ..."]
                [--module FILE=STRING]... [--expect TEXT] [--seconds N]

Bochs is a machine model by others with VMX of its own: what microhv does
there, it does not owe to vtsim. The guest's console is printed; with --expect
the exit status says whether TEXT was in it.
"""
import argparse
import os
import pathlib
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from bochsrc import bochsrc  # noqa: E402

BOOT = HERE.parent.parent / "workloads/guests/bench/bootsect.S"
BASE = 0x100000
RAM = 512 << 20


def symbols(elf):
    text = subprocess.run(["nm", elf], check=True, capture_output=True,
                          text=True).stdout
    return {f[2]: int(f[0], 16) for f in map(str.split, text.splitlines())
            if len(f) == 3}


class Image:
    """What lies in RAM from 1 MiB on."""

    def __init__(self):
        self.data = bytearray()

    def put(self, data, align=16):
        self.data += bytes(-len(self.data) % align)
        at = BASE + len(self.data)
        self.data += data
        return at


def boot_information(image, command, modules):
    """Multiboot 1: the memory map is that of Bochs's machine."""
    listed = b"".join(struct.pack("<4I", at, at + size,
                                  image.put(text.encode() + b"\0"), 0)
                      for at, size, text in modules)
    mods = image.put(listed)
    memory = b"".join(struct.pack("<IQQI", 20, base, size, 1) for base, size in
                      ((0, 0x9fc00), (BASE, RAM - BASE - 0x10000)))
    info = struct.pack("<13I", 1 | 4 | 8 | 64, 639, (RAM >> 10) - 1088, 0,
                       image.put(command.encode() + b"\0"), len(modules), mods,
                       0, 0, 0, 0, len(memory), image.put(memory))
    return image.put(info)


def make_disk(work, microhv, options, modules):
    name = symbols(microhv)
    flat = work / "flat"
    subprocess.run(["objcopy", "-O", "binary", microhv, flat], check=True)
    image = Image()
    image.put(flat.read_bytes())
    image.data += bytes(name["kernel_end"] - name["kernel_start"] -
                        len(image.data))
    placed = []
    for path, text in modules:
        data = pathlib.Path(path).read_bytes()
        placed.append((image.put(data, 4096), len(data), text))
    info = boot_information(image, f"microhv {options}", placed)
    sectors = (len(image.data) + 511) // 512
    entry = name["start"] - name["kernel_start"] + BASE
    boot = work / "boot"
    subprocess.run(["gcc", "-m32", "-c", f"-Wa,--defsym,SECTORS={sectors}",
                    f"-Wa,--defsym,ENTRY={entry}",
                    f"-Wa,--defsym,INFO={info}", "-o", work / "boot.o", BOOT],
                   check=True)
    subprocess.run(["ld", "-m", "elf_i386", "-Ttext=0x7c00", "--oformat",
                    "binary", "-e", "boot", "-o", boot, work / "boot.o"],
                   check=True)
    disk = boot.read_bytes() + bytes(image.data)
    size = 64 * 16 * 63 * 512
    if len(disk) > size:
        sys.exit("bochs.py: the image does not fit on the disk")
    (work / "disk").write_bytes(disk + bytes(size - len(disk)))


def run_bochs(work, seconds, expect):
    (work / "rc").write_text(bochsrc(work / "disk", work / "log",
                                     memory=RAM >> 20, cylinders=64))
    (work / "go").write_text("c\n")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["bochs", "-q", "-f", work / "rc", "-rc", work / "go"],
        stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.DEVNULL,
        env=dict(os.environ, TERM="xterm"), start_new_session=True)
    os.close(slave)
    seen, end = b"", time.monotonic() + seconds
    try:
        while time.monotonic() < end and process.poll() is None:
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 65536)
            if expect and expect.encode() in seen:
                break
    except OSError:
        pass
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("microhv")
    parser.add_argument("guest")
    parser.add_argument("--options", default="")
    parser.add_argument("--append", default="")
    parser.add_argument("--module", action="append", default=[])
    parser.add_argument("--expect")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--log", action="store_true")
    o = parser.parse_args()
    if not shutil.which("bochs"):
        sys.exit(77)
    modules = [(o.guest, f"guest {o.append}".strip())]
    modules += [tuple(m.split("=", 1)) for m in o.module]
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        make_disk(work, o.microhv, o.options, modules)
        seen = run_bochs(work, o.seconds, o.expect)
        if o.log:
            sys.stderr.write((work / "log").read_text()[-6000:])
    text = seen.replace(b"\r", b"").decode("latin-1")
    sys.stdout.write(text)
    if o.expect and o.expect not in text:
        sys.exit(f"bochs.py: '{o.expect}' did not come")


main()
