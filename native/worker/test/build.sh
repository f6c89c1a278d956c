#!/bin/bash
# Builds build/hammer-SANITIZER from the sources of core, port and worker: build.sh thread|address
set -euo pipefail
cd "$(dirname "$0")/../../.."
sanitizer=${1:?expected thread or address}
flags="-std=c++20 -O1 -g -pthread -fno-exceptions -fno-rtti -fno-omit-frame-pointer -march=x86-64-v2 -Wall -Wextra -Werror"
case $sanitizer in
  # gcc warns that fences are not modelled; every fence here stands beside an atomic of its own.
  thread) flags="$flags -fsanitize=thread -Wno-tsan" ;;
  address) flags="$flags -fsanitize=address,undefined -fno-sanitize-recover=undefined" ;;
  *) echo "build.sh: sanitizer '$sanitizer': expected thread or address" >&2 && exit 2 ;;
esac
objects=build/hammer-$sanitizer.objects
mkdir -p "$objects"
# An object is compiled again when any source or header is newer.
newest=$(find native/core native/port native/worker -name '*.[ch]pp' -o -name '*.def' | xargs stat -c %Y | sort -n | tail -1)
compile() {
  local source=$1 object=$2/${1//\//-}.o newest=$3
  shift 3
  [ -e "$object" ] && [ "$(stat -c %Y "$object")" -gt "$newest" ] && return
  "${CXX:-g++}" "$@" -c -o "$object" "$source"
}
export -f compile
# shellcheck disable=SC2086
find native/core native/port native/worker -maxdepth 1 -name '*.cpp' | sort |
  xargs -P "${JOBS:-2}" -I{} bash -c 'compile "$@"' _ {} "$objects" "$newest" $flags
# shellcheck disable=SC2086
compile native/worker/test/hammer.cpp "$objects" "$newest" $flags
# shellcheck disable=SC2086
"${CXX:-g++}" $flags -o "build/hammer-$sanitizer" "$objects"/*.o
