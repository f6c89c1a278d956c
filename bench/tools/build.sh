#!/usr/bin/env bash
# Builds the traffic tools into build/bench. No library but libc.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
out=../../build/bench
mkdir -p "$out"
# Two tests may build at once.
exec 9>"$out/lock"
flock 9
for source in *.c; do
  product=$out/${source%.c}
  [ -e "$product" ] && [ -z "$(find . -maxdepth 1 -newer "$product" \( -name "$source" -o -name '*.h' \))" ] && continue
  gcc -O2 -Wall -Wextra -Werror -pthread -o "$product" "$source"
done
