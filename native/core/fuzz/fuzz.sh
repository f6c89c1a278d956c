#!/bin/bash
# Fuzzes the core for some seconds (default 60) under the address and undefined behaviour sanitizers. Needs clang with its runtime libraries.
# The corpus grows in build/fuzz-corpus; an input that crashes stays in build/fuzz-crash-*.
set -euo pipefail
cd "$(dirname "$0")/../../.."
command -v clang++ >/dev/null || {
  echo "native/core/fuzz/fuzz.sh: expected clang++, found none; install it (Debian: apt-get install -y clang libclang-rt-14-dev)" >&2
  exit 1
}
mkdir -p build/fuzz-corpus
clang++ -std=c++20 -O1 -g -fno-exceptions -fno-rtti -fno-omit-frame-pointer -Wall -Wextra \
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
  native/core/*.cpp native/core/fuzz/run.cpp -o build/fuzz-core
exec build/fuzz-core -max_total_time="${1:-60}" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
  -artifact_prefix=build/fuzz-crash- build/fuzz-corpus
