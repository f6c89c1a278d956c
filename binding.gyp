# The addon. `native` is everything that does not know Node, `vtep` adds the files that include napi.h.
# The package is built on one host and may run on another: the baseline is x86-64-v2, never -march=native.
{
  "target_defaults": {
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fno-exceptions", "-fno-rtti"],
    "cflags": ["-O3", "-fvisibility=hidden", "-pthread", "-g1", "-fno-omit-frame-pointer"],
    "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-fvisibility-inlines-hidden"],
    "conditions": [["target_arch=='x64'", {"cflags": ["-march=x86-64-v2"]}]],
  },
  "targets": [
    {
      "target_name": "native",
      "type": "static_library",
      "cflags": ["-Wall", "-Wextra", "-Wconversion", "-Werror", "-fPIC"],
      "sources": ["<!@(find native/core native/port native/fastpath native/worker -maxdepth 1 -name '*.cpp' | sort)"],
    },
    {
      "target_name": "vtep",
      "dependencies": ["native"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-isystem<!(node -p \"require('path').dirname(require.resolve('node-addon-api/package.json'))\")"],
      "ldflags": ["-Wl,--exclude-libs,ALL", "-Wl,-z,now"],
      "sources": ["<!@(find native/node -maxdepth 1 -name '*.cpp' | sort)"],
    },
    # Programs that platforms start, often: static, as a loader would take longer than they do.
    {
      "target_name": "vtep-call",
      "type": "executable",
      "cflags": ["-Wall", "-Wextra", "-Wconversion", "-Werror"],
      "ldflags": ["-static"],
      "sources": ["native/client/call.cpp", "native/client/http.cpp", "native/client/json.cpp"],
    },
    {
      "target_name": "vtep-cni",
      "type": "executable",
      "dependencies": ["native"],
      "cflags": ["-Wall", "-Wextra", "-Wconversion", "-Werror"],
      "ldflags": ["-static"],
      "sources": ["<!@(find native/client -maxdepth 1 -name '*.cpp' ! -name call.cpp | sort)"],
    },
  ],
}
