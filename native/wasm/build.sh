#!/bin/bash
# Builds build/vtep-core.wasm: native/core for wasm32 with SIMD, without any library. Needs clang and wasm-ld (Debian: clang lld).
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in clang wasm-ld; do
  command -v "$tool" >/dev/null || {
    echo "native/wasm/build.sh: expected $tool, found none; install it (Debian: apt-get install -y clang lld)" >&2
    exit 1
  }
done
mkdir -p build
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
for source in native/core/*.cpp native/wasm/exports.cpp; do
  clang --target=wasm32 -std=c++20 -O3 -msimd128 -mbulk-memory -ffreestanding -fno-exceptions -fno-rtti \
    -fvisibility=hidden -fno-threadsafe-statics -Wall -Wextra -Wconversion -Werror -flto \
    -c "$source" -o "$objects/$(basename "$source" .cpp).o"
done
wasm-ld --no-entry --export-dynamic --lto-O3 --gc-sections --strip-all --stack-first -z stack-size=262144 \
  "$objects"/*.o -o build/vtep-core.wasm
