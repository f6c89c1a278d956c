#!/usr/bin/env bash
# Builds the traffic tools into build/bench.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
out=../../build/bench
mkdir -p "$out"
for source in *.c; do
  [ "$out/${source%.c}" -nt "$source" ] && [ "$out/${source%.c}" -nt tool.h ] && continue
  gcc -O2 -Wall -Wextra -Werror -pthread -o "$out/${source%.c}" "$source"
done
