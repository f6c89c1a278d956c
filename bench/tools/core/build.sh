#!/usr/bin/env bash
# Builds build/bench/core-cost: the core as the addon has it (binding.gyp), the limit for this machine.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../../.."
mkdir -p build/bench
out=build/bench/core-cost
for source in native/core/*.?pp native/core/*.def bench/tools/core/*; do
  [ "$out" -nt "$source" ] || stale=yes
done
[ "${stale:-}" = yes ] || exit 0
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
gcc -std=c11 -O3 -march=native -Wall -Wextra -Werror -c bench/tools/core/limit.c -o "$objects/limit.o"
printf '%s\n' native/core/*.cpp bench/tools/core/*.cpp | xargs -P 2 -I{} bash -c '
  arch=$([ "$(uname -m)" = x86_64 ] && echo -march=x86-64-v2)
  g++ -std=c++20 -O3 $arch -fPIC -pthread -g1 -fno-omit-frame-pointer -fvisibility=hidden -fvisibility-inlines-hidden \
    -fno-exceptions -fno-rtti -Wall -Wextra -Werror -c {} -o '"$objects"'/$(basename {} .cpp).o'
g++ -pthread "$objects"/*.o -o "$out"
