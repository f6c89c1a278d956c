#!/bin/bash
# Fuzzes one target for some seconds under the address and undefined behaviour sanitizers. Needs clang with its runtime libraries.
# Usage: native/fuzz/fuzz.sh core|egress|parsers [SECONDS] [coverage|corpus]
#   SECONDS    60 unless given; what is found new stays in build/fuzz/TARGET, an input that crashes in build/fuzz/crash-TARGET-*
#   coverage   what the corpus reaches, by file (needs llvm-profdata and llvm-cov)
#   corpus     writes a small part of all inputs that reaches as much into native/fuzz/corpus/TARGET
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:?expected a target: core, egress or parsers}
seconds=${2:-60}
then=${3:-run}

command -v clang++ >/dev/null || {
  echo "native/fuzz/fuzz.sh: expected clang++, found none; install it (Debian: apt-get install -y clang libclang-rt-dev)" >&2
  exit 1
}
case $target in
  core | egress | parsers) ;;
  *)
    echo "native/fuzz/fuzz.sh: target '$target': expected core, egress or parsers" >&2
    exit 1
    ;;
esac
corpus=native/fuzz/corpus/$target found=build/fuzz/$target program=build/fuzzer/$target
mkdir -p "$corpus" "$found"

built() { make -s -j2 -C native SANITIZER="$1" "$target"; }

limits=(-max_len=8192 -timeout=10 -rss_limit_mb=2048)
case $then in
  run)
    built fuzzer
    exec "$program" -max_total_time="$seconds" "${limits[@]}" -print_final_stats=1 -artifact_prefix="build/fuzz/crash-$target-" \
      "$found" "$corpus"
    ;;
  coverage)
    built coverage
    program=build/coverage/$target
    LLVM_PROFILE_FILE=build/fuzz/$target.profraw "$program" -runs=0 "${limits[@]}" "$found" "$corpus" 2>/dev/null
    llvm-profdata merge -o "build/fuzz/$target.profdata" "build/fuzz/$target.profraw"
    llvm-cov report "$program" -instr-profile="build/fuzz/$target.profdata" native/core native/worker native/port native/client
    ;;
  corpus)
    built fuzzer
    mkdir -p "build/fuzz/merged-$target"
    rm -f "build/fuzz/merged-$target"/*
    "$program" -set_cover_merge=1 -use_counters=0 "${limits[@]}" -max_len=2500 "build/fuzz/merged-$target" "$corpus" "$found"
    rm -f "$corpus"/*
    cp "build/fuzz/merged-$target"/* "$corpus"
    ;;
  *)
    echo "native/fuzz/fuzz.sh: '$then': expected coverage, corpus or nothing" >&2
    exit 1
    ;;
esac
