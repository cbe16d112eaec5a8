#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `vtsim regress` promises.

usage: regress.py VTSIM BUILD_DIR
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

VTSIM = pathlib.Path(sys.argv[1]).resolve()
BUILD = pathlib.Path(sys.argv[2]).resolve()
EXITS = BUILD / "semantics" / "vmx_exits.elf"
HELLO = BUILD / "guests" / "hello.elf"


def regress(*words):
    return subprocess.run([VTSIM, "regress", *words], capture_output=True,
                          text=True, timeout=250, stdin=subprocess.DEVNULL)


def expect(what, got, due):
    if got != due:
        raise AssertionError(f"{what}: {got!r}, not {due!r}")


def check_results_and_reports():
    p = regress("--junit", "j.xml", "--coverage", "c.md", EXITS)
    lines = p.stdout.splitlines()
    expect("head", lines[0], "TAP version 13")
    results = [line for line in lines if line.startswith(("ok ", "not ok "))]
    assert f"1..{len(results)}" in lines
    expect("numbers", [int(line.replace("not ", "").split()[1])
                       for line in results], list(range(1, len(results) + 1)))
    failed = [line for line in results if line.startswith("not ")]
    expect("status", p.returncode, 1 if failed else 0)
    suites = tree.parse("j.xml").getroot()
    expect("tests", int(suites.get("tests")), len(results))
    expect("failures", int(suites.get("failures")), len(failed))
    expect("cases", len(suites.findall(".//testcase")), len(results))
    with open("c.md") as f:
        text = f.read()
    assert "| 10 | cpuid | vmx_exits: cpuid | 1 | 0 | 0 |" in text, text
    assert "exit reasons have a test that passes" in text


def check_an_image_that_is_no_test_fails():
    p = regress(HELLO)
    expect("status", p.returncode, 1)
    assert "# no plan (1..N): it ended early" in p.stdout, p.stdout
    assert "not ok 1 - hello: run" in p.stdout, p.stdout


def check_wishes_of_a_test():
    shutil.copy(EXITS, "a.elf")
    shutil.copy(EXITS, "b.elf")
    shutil.copy(EXITS, "c.elf")
    pathlib.Path("a.test").write_text("# no VMX: one skip\n"
                                      "options: --set core.vmx=false\n")
    pathlib.Path("b.test").write_text("skip: not today\n")
    pathlib.Path("c.test").write_text("options: --max-instructions 1000\n"
                                      "seconds: 20\n")
    p = regress("--jobs", "3", ".")
    lines = p.stdout.splitlines()
    expect("a", lines[1], "ok 1 - a: all # SKIP no VMX, or the firmware has "
           "locked it off")
    expect("b", lines[2], "ok 2 - b: run # SKIP not today")
    assert "# limit reached after 20 s" in lines, lines
    assert "not ok 3 - c: run" in lines, lines
    expect("status", p.returncode, 1)


def check_old_translations_are_used_until_they_are_dropped():
    """What the suite may not ask of every machine: this one keeps them."""
    out = subprocess.run([VTSIM, "run", "--quiet", "--preset", "icelake-sp",
                          "--set", "core.vtx.extensions=on",
                          BUILD / "semantics" / "vmx_invalidate.elf"],
                         capture_output=True, text=True, timeout=60).stdout
    notes = [line for line in out.splitlines() if "before it" in line]
    expect("kinds of invalidation", len(notes), 9)
    expect("the new one before it",
           [line for line in notes if "the old translation" not in line], [])


def check_refusals():
    for words in ([], ["--jobs", "0", EXITS], ["--jobs", "x", EXITS],
                  ["--frob", EXITS], ["/nonexistent"], ["empty"],
                  ["--junit", "/nonexistent/x", HELLO]):
        p = regress(*words)
        expect(words, p.returncode, 2)
        expect("one line", p.stderr.count("\n"), 1)
    for wish in ("frob: 1", "seconds: 0", "seconds: x", "no colon"):
        shutil.copy(HELLO, "w.elf")
        pathlib.Path("w.test").write_text(wish + "\n")
        expect(wish, regress("w.elf").returncode, 2)


def main():
    failed = total = 0
    for name, function in sorted(globals().items()):
        if not name.startswith("check_"):
            continue
        total += 1
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            os.mkdir("empty")
            try:
                function()
            except Exception as error:  # every promise is tried
                failed += 1
                print(f"{name}: {type(error).__name__}: {error}")
            os.chdir("/")
    print(f"{total} promises, {failed} broken")
    sys.exit(1 if failed else 0)


main()
