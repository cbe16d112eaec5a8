#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: determinism.sh SOURCE_DIR BUILD_DIR
# The same inputs give the same statistics, bit for bit, whatever compiled
# the simulator and wherever it runs: gcc -O2 (BUILD_DIR), gcc -O0, clang -O2;
# another working directory, address-space layout randomisation off, a large
# environment.
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

variant() { # NAME COMPILER CXX FLAGS
    local dir=$build/determinism-$1
    cmake -S "$source" -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_C_COMPILER="$2" -DCMAKE_CXX_COMPILER="$3" \
        -DCMAKE_C_FLAGS="$4" -DCMAKE_CXX_FLAGS="$4" -DBUILD_TESTING=OFF \
        >"$work/$1.log" 2>&1 &&
        cmake --build "$dir" --target vtsim >>"$work/$1.log" 2>&1 ||
        { tail -20 "$work/$1.log"; return 1; }
}
variant gcc-O0 gcc g++ "-O0"
variant clang-O2 clang clang++ "-O2"
# The same guests for all: what differs is the simulator alone.
for v in gcc-O0 clang-O2; do cp "$build/pk.elf" "$build/determinism-$v/"; done

# run NAME PROGRAM [run options...]: statistics without the host's part.
# $prefix, if set, is a command that starts the program.
prefix=
run() {
    local name=$1 program=$2
    shift 2
    $prefix "$program" run --quiet --stats "$work/$name.json" "$@" \
        >"$work/$name.out" </dev/null || case $? in 1 | 124) ;; *) return 1 ;; esac
    python3 - "$work/$name.json" >"$work/$name.stats" <<'EOF'
import json, sys
stats = json.load(open(sys.argv[1]))
stats.pop("host", None)
stats.get("sim", {}).pop("host_seconds", None)
print(json.dumps(stats, indent=1, sort_keys=True))
EOF
}

same() { # NAME NAME
    cmp -s "$work/$1.out" "$work/$2.out" ||
        { echo "$2: console differs from $1"; exit 1; }
    cmp -s "$work/$1.stats" "$work/$2.stats" || {
        echo "$2: statistics differ from $1"
        diff "$work/$1.stats" "$work/$2.stats" | head -20
        exit 1
    }
}

same_but_config() { # NAME NAME
    python3 - "$work/$1.stats" "$work/$2.stats" <<'EOF'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
a.pop("config", None), b.pop("config", None)
sys.exit(0 if a == b else f"{sys.argv[2]}: the residency filter changes "
         "statistics")
EOF
}

pk=(--env X=1 /bin/busybox -- sh -c 'sha256sum /proc/self/exe | tr a-f A-F')
chase=(--memory 2G --append "page=4k kib=64 kib=4096" "$build/guests/chase.elf")
for w in chase pk; do
    declare -n options=$w
    run $w "$build/vtsim" "${options[@]}"
    for v in gcc-O0 clang-O2; do
        run $w-$v "$build/determinism-$v/vtsim" "${options[@]}"
        same $w $w-$v
    done
    (cd / && run $w-cwd "$build/vtsim" "${options[@]}")
    same $w $w-cwd
    if setarch -R true 2>/dev/null; then
        prefix="setarch -R"
        run $w-aslr "$build/vtsim" "${options[@]}"
        prefix=
        same $w $w-aslr
    fi
    BIG=$(head -c 100000 /dev/zero | tr '\0' x) run $w-env "$build/vtsim" "${options[@]}"
    same $w $w-env
    run $w-filter "$build/vtsim" --set core.filter=off "${options[@]}"
    same_but_config $w $w-filter
done

# Every benchmark kernel, cut short, with the filter on and off.
for k in hash sieve fib interp matmul gups stream; do
    options=(--memory 512M --max-instructions 4000000 --append $k
             "$build/guests/bench.elf")
    run $k "$build/vtsim" "${options[@]}"
    run $k-filter "$build/vtsim" --set core.filter=off "${options[@]}"
    same_but_config $k $k-filter
done
echo "identical: gcc -O2, gcc -O0, clang -O2, directory, environment, filter"
