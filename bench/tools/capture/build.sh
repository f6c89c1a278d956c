#!/usr/bin/env bash
# Builds build/bench/capture-cost: switch, egress and tap as a worker has them, with devices that take everything.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../../.."
mkdir -p build/bench
out=build/bench/capture-cost
for source in native/core/*.?pp native/core/*.def native/worker/*.?pp bench/tools/core/bed.hpp bench/tools/capture/*; do
  [ "$out" -nt "$source" ] || stale=yes
done
[ "${stale:-}" = yes ] || exit 0
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
printf '%s\n' native/core/*.cpp native/worker/{capture,capture_ring,egress,merge,message,offload_watch,packet_filter,tap}.cpp native/port/address.cpp \
  bench/tools/capture/cost.cpp | xargs -P 2 -I{} bash -c '
  arch=$([ "$(uname -m)" = x86_64 ] && echo -march=x86-64-v2)
  g++ -std=c++20 -O3 $arch -fPIC -pthread -g1 -fno-omit-frame-pointer -fvisibility=hidden -fvisibility-inlines-hidden \
    -fno-exceptions -fno-rtti -Wall -Wextra -Werror -c {} -o '"$objects"'/$(basename {} .cpp).o'
g++ -pthread "$objects"/*.o -o "$out"
