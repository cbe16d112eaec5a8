#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad command lines, files and hosts: one error line, the right status.

usage: bad_input.py VTSIM BUILD_DIR
Every row must give exactly one line on stderr that starts with
"vtsim: error: " and matches, nothing on stdout, and the status; none may
crash, hang or leave an output file. The identifiers are those of the
catalogue the suite was written against (E: ELF, M: multiboot, C:
configuration, L: command line, H: host). Headers of images are treated in
tests/unit/test_loader.c, texts of configurations in test_config.c.
"""
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

VTSIM = pathlib.Path(sys.argv[1]).resolve()
HELLO = pathlib.Path(sys.argv[2]).resolve() / "guests/hello.elf"


def elf(machine=62, kind=2, entry=0x100000, phnum=1):
    head = struct.pack("<4sBBBBQHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, kind,
                       machine, 1, entry, 64, 0, 0, 64, 56, phnum, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0x1000, 0x100000, 0x100000, 16,
                          16, 0x1000)
    return (head + segment).ljust(0x1000, b"\0") + b"\xf4" * 16


def write_files():
    """Files that rows name."""
    files = {
        "empty": b"", "byte": b"\x7f", "text": b"hello, world\n" * 10,
        "elf63": elf()[:63], "arm": elf(machine=40), "rel": elf(kind=1),
        "cut": elf()[:0x1008], "good.elf": elf(),
        "empty.yaml": b"", "unknown.yaml": b"core:\n  l1d.siez: 32K\n",
        "twice.yaml": b"l3.ways: 16\nl3.ways: 16\n",
        "range.yaml": b"core.maxphyaddr: 99\n",
        "latin.yaml": b"# caf\xe9\n", "open.yaml": b"core: {hz: [1\n",
        "cross.yaml": b"core.dtlb.4k: {entries: 12, ways: 4}\n",
        "preset.yaml": b"preset: pentium\n",
        "deep.yaml": b"[" * 100000, "long.yaml": b"a" * (1 << 21),
        "keys.yaml": b"".join(b"k%d: 1\n" % i for i in range(1000000)),
        "bzimage": b"\0" * 0x1fe + b"\x55\xaa\0\0HdrS" + b"\0" * 600,
        "bad\nname": b"x", "dyn": None,
    }
    for name, data in files.items():
        if data is not None:
            pathlib.Path(name).write_bytes(data)
    interp = bytearray(elf(phnum=2))
    interp[120:176] = struct.pack("<IIQQQQQQ", 3, 4, 0x1000, 0, 0, 5, 5, 1)
    pathlib.Path("dyn").write_bytes(interp)
    os.mkdir("dir")
    os.mkfifo("fifo")
    os.symlink("loop", "loop")
    with open("sparse", "wb") as f:
        f.truncate(1 << 40)
    pathlib.Path("closed").write_bytes(elf())
    os.chmod("closed", 0)
    os.mkdir("locked")
    os.chmod("locked", 0o555)


def rows():
    run = ["run"]
    many = [w for i in range(65) for w in ("--module", "text")]
    yield from [
        # id, words, status, pattern
        ("L1", [], 121, "a command is due"),
        ("L2", ["rum"], 121, r"unknown command 'rum' \(did you mean run\?\)"),
        ("L3", ["sweep", "x"], 121, "unknown command 'sweep'"),
        ("L4", ["--verson"], 121, "did you mean --version"),
        ("L5", ["--version", "x"], 121, "unknown argument 'x'"),
        ("L6", run, 121, "no image"),
        ("L7", run + ["--prest", "toy", "x"], 121, "did you mean --preset"),
        ("L8", run + ["-x", "good.elf"], 121, "unknown option '-x'"),
        ("L9", run + ["good.elf", "--preset"], 121, "needs a value"),
        ("L10", run + ["--quiet=1", "good.elf"], 121, "takes no value"),
        ("L11", run + ["good.elf", "text"], 121, "guest arguments go after"),
        ("L12", run + ["--preset", "toyy", "good.elf"], 121,
         "unknown preset 'toyy' .*skylake"),
        ("L13", run + ["--set", "core.l1d.siez=1K", "good.elf"], 121,
         r"did you mean core\.l1d\.size"),
        ("L14", run + ["--set", "core.hz", "good.elf"], 121, "NAME=VALUE"),
        ("L15", run + ["--set", "core.hz=-1", "good.elf"], 121, "core.hz"),
        ("L16", run + ["--timing", "exact", "good.elf"], 121,
         "--timing: core.timing: exact"),
        ("L17", run + ["--cores", "0", "good.elf"], 121, "--cores"),
        ("L18", run + ["--cores", "65", "good.elf"], 121, "1 to 64"),
        ("L19", run + ["--memory", "1", "good.elf"], 121, "--memory"),
        ("L20", run + ["--memory", "2T", "good.elf"], 121, "--memory"),
        ("L21", run + ["--kind", "exe", "good.elf"], 121, "--kind: 'exe'"),
        ("L22", run + ["--kind", "flat", "good.elf"], 121, "--flat ADDRESS"),
        ("L23", run + ["--flat", "zz", "good.elf"], 121, "--flat: 'zz'"),
        ("L24", run + ["--flat", "0", "--kind", "elf", "good.elf"], 121,
         "contradict"),
        ("L25", run + ["--max-seconds", "0", "good.elf"], 121,
         "--max-seconds"),
        ("L26", run + ["--max-seconds", "1e9", "good.elf"], 121,
         "--max-seconds"),
        ("L27", run + ["--max-instructions", "-1", "good.elf"], 121,
         "--max-instructions"),
        ("L28", run + ["--env", "NAME", "good.elf"], 121, "--env"),
        ("L29", run + ["--env", "A=b", "good.elf"], 121, "--env: not for"),
        ("L30", run + ["--share", ".", "good.elf"], 121, "--share: not for"),
        ("L31", run + ["good.elf", "--", "x"], 121, "guest arguments"),
        ("L32", run + ["--progress", "often", "good.elf"], 121, "--progress"),
        ("L33", run + many + ["good.elf"], 121, "64 at most"),
        ("L34", run + ["--set", "core.linear_bits=50", "good.elf"], 121,
         "48 or 57"),
        ("L35", run + ["--guest-page", "4m", "good.elf"], 121, "--guest-page"),
        ("L36", ["params", "xyzzy"], 121, "no parameter matches"),
        ("L37", ["params", "a", "b"], 121, "one PATTERN"),
        ("L38", ["presets", "toyy"], 121, "unknown preset"),
        ("L39", ["presets", "a", "b"], 121, "one NAME"),
        ("L60", run + ["--under", "xen", "good.elf"], 121, "--under"),
        ("L61", run + ["--under", "microhv:epd=4k", "good.elf"], 121,
         "unknown key 'epd'"),
        ("L62", run + ["--under", "microhv:ept=8k", "good.elf"], 121,
         "ept=4k"),
        ("L63", run + ["--under", "microhv", "--cores", "2", "good.elf"], 121,
         "2 cores"),
        ("L64", run + ["--under", "microhv", "--set", "core.vmx=off",
                       "good.elf"], 121, "no VT-x"),
        ("L40", run + ["--set", "=1", "good.elf"], 121, "--set"),
        ("L41", run + ["--seed", "18446744073709551616", "good.elf"], 121,
         "--seed"),
        ("E1", run + ["empty"], 122, "empty: empty file"),
        ("E2", run + ["byte"], 122, "byte: not an image"),
        ("E3", run + ["elf63"], 122, r"too short .*63 bytes"),
        ("E4", run + ["text"], 122, r"not an image.*--flat"),
        ("E5", run + ["dir"], 122, "dir: .*regular file"),
        ("E6", run + ["fifo"], 122, "fifo: .*regular file"),
        ("E6b", run + ["/dev/zero"], 122, "regular file"),
        ("E0", run + ["missing"], 122, "missing: No such file"),
        ("E10", run + ["arm"], 122, "machine: 0x28"),
        ("E11", run + ["rel"], 122, "type: 0x1"),
        ("E22", run + ["cut"], 122, "segment 0"),
        ("E43", run + ["dyn"], 122, r"dynamically linked.*-static"),
        ("E43b", run + ["--kind", "elf", "dyn"], 122, "PT_INTERP"),
        ("E55", run + ["loop"], 123, "loop: "),
        ("E57", run + ["sparse"], 122, "sparse: "),
        ("E60", run + ["bzimage"], 122, "bzImage"),
        ("E61", run + ["bad\nname"], 122, r"bad\?name"),
        ("E62", run + ["--kind", "linux", "text"], 122, "not an ELF file"),
        ("M1", run + ["--kind", "multiboot", "good.elf"], 122,
         "no multiboot header"),
        ("M1b", run + ["--kind", "multiboot2", "good.elf"], 122,
         "no multiboot2 header"),
        ("M22", run + ["--module", "missing=a b", str(HELLO)], 122,
         "missing: No such file"),
        ("M22b", run + ["--module", "dir", str(HELLO)], 122, "regular file"),
        ("M22c", run + ["--memory", "1M", "--module", "text", str(HELLO)],
         122, "does not fit|outside guest RAM"),
        ("M26", run + ["--flat", "0x3fffffff", "text"], 122,
         "outside guest RAM"),
        ("M26b", run + ["--flat", "0x100000", "empty"], 122, "empty file"),
        ("M26c", run + ["--flat", "1000G", "text"], 122, "below 4 GiB"),
        ("C0", run + ["--config", "missing.yaml", "good.elf"], 122,
         "missing.yaml: No such"),
        ("C0b", run + ["--config", "dir", "good.elf"], 122, "regular file"),
        ("C3", run + ["--config", "latin.yaml", "good.elf"], 122,
         r"latin\.yaml:1:6: not UTF-8"),
        ("C5", run + ["--config", "long.yaml", "good.elf"], 122,
         r"long\.yaml"),
        ("C6", run + ["--config", "keys.yaml", "good.elf"], 122,
         r"keys\.yaml"),
        ("C7", run + ["--config", "deep.yaml", "good.elf"], 122,
         r"deep\.yaml:1:"),
        ("C8", run + ["--config", "open.yaml", "good.elf"], 122,
         r"open\.yaml:"),
        ("C9", run + ["--config", "twice.yaml", "good.elf"], 122,
         r"twice\.yaml:2:1: duplicate key"),
        ("C10", run + ["--config", "unknown.yaml", "good.elf"], 122,
         r"unknown\.yaml:2:3: .*did you mean core\.l1d\.size"),
        ("C12", run + ["--config", "range.yaml", "good.elf"], 122,
         r"range\.yaml:1:18: .*32 to 52"),
        ("C13", run + ["--config", "cross.yaml", "good.elf"], 122,
         "power of two"),
        ("C14", run + ["--config", "preset.yaml", "good.elf"], 122,
         r"preset\.yaml: unknown preset"),
        ("H1", run + ["--stats", "nodir/x.json", "good.elf"], 123, "nodir"),
        ("H2", run + ["--stats", "dir", "good.elf"], 123, "dir"),
        ("H3", run + ["--stats-text", "nodir/x", "good.elf"], 123, "nodir"),
        ("H4", run + ["--serial", "nodir/x", "good.elf"], 123, "nodir"),
        ("H5", run + ["--vcd", "nodir/x.vcd", "good.elf"], 123, "nodir"),
    ]
    if os.geteuid() != 0:  # root reads and writes everywhere
        yield "E55b", run + ["closed"], 123, "closed: Permission denied"
        yield ("H6", run + ["--stats", "locked/x", "good.elf"], 123,
               "Permission denied")


def check(words, status, pattern):
    """None, or what is wrong."""
    before = sorted(os.listdir("."))
    try:
        p = subprocess.run([VTSIM] + words, capture_output=True, timeout=20,
                           stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "did not end"
    lines = p.stderr.decode("utf-8", "replace").splitlines()
    if p.returncode != status:
        return f"status {p.returncode}, not {status}: {lines[:2]}"
    if len(lines) != 1 or not lines[0].startswith("vtsim: error: "):
        return f"not one error line: {lines[:3]}"
    if len(lines[0]) > 420:
        return "line too long"
    if not re.search(pattern, lines[0]):
        return f"does not say /{pattern}/: {lines[0]}"
    if p.stdout:
        return f"stdout: {p.stdout[:80]}"
    if sorted(os.listdir(".")) != before:
        return "left a file behind"
    return None


def main():
    failed = count = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_files()
        for name, words, status, pattern in rows():
            count += 1
            wrong = check(words, status, pattern)
            if wrong is not None:
                failed += 1
                print(f"{name}: {' '.join(words)[:100]}: {wrong}")
        os.chmod("locked", 0o755)
        os.chdir("/")
    print(f"{count} cases, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
