#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: entry_rules.py VTSIM BUILD

Every rule of docs/vmx-entry-checks.md has a test in vmx_entries.elf, that
tests no rule of another name, and --explain names for each of its failing
entries the rule that the test means.
"""
import pathlib
import re
import subprocess
import sys

# A guest test begins in 64-bit mode; these want a host that is not. The unit
# test has them: tests/unit/vmx_check_cases.def.
HOST32 = {"host.ss_null", "host.legacy_guest", "host.legacy_size",
          "host.pcide", "host.rip_high"}
TEST = re.compile(r"^ok \d+ - (?:\w+ \d+ )?((?:controls|host|guest)\.\w+)",
                  re.MULTILINE)


def main():
    vtsim, build = sys.argv[1:]
    image = pathlib.Path(build, "semantics", "vmx_entries.elf")
    page = subprocess.run([vtsim, "params", "--entry-checks"],
                          capture_output=True, text=True, check=True).stdout
    rules = set(re.findall(r"^\| `([a-z0-9_.]+)`", page, re.MULTILINE))
    run = subprocess.run([vtsim, "run", "--explain", "--preset", "icelake-sp",
                          "--set", "core.vtx.extensions=on", image],
                         capture_output=True, text=True)
    tests = set(TEST.findall(run.stdout))
    bad = [f"{name}: no test" for name in sorted(rules - tests - HOST32)]
    bad += [f"{name}: no such rule"
            for name in sorted(tests - rules | tests & HOST32)]

    # The near misses are not explained: they enter. Behind these tests come
    # some of what a failure leaves.
    due = [TEST.match(line)[1] for line in run.stdout.splitlines()
           if TEST.match(line) and "# SKIP" not in line]
    said = re.findall(r"VM entry failed \(.*?; rule ([a-z0-9_.]+): ",
                      run.stderr)
    bad += [f"test {k} of {a}: --explain says {b}"
            for k, (a, b) in enumerate(zip(due, said)) if a != b][:5]
    if len(due) > len(said):
        bad.append(f"{len(due)} failing entries, {len(said)} explanations")

    print(f"{len(rules)} rules, {len(rules & tests)} tested in a guest, "
          f"{len(due)} failures explained")
    print("\n".join(bad))
    sys.exit(1 if bad or not rules else 0)


main()
