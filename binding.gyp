{
  "target_defaults": {
    "cflags": ["-Wall", "-Wextra", "-Werror"],
    "cflags_cc": ["-std=c++17", "-fvisibility=hidden"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
  },
  "targets": [
    {
      "target_name": "fdmux",
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "src-native/module.cc",
            "src-native/call.cc",
            "src-native/errno.cc",
            "src-native/epoll.cc",
            "src-native/poll.cc",
            "src-native/select.cc",
            "src-native/socket.cc",
            "src-native/fd.cc",
            "src-native/signal.cc",
            "src-native/wait.cc",
            "src-native/owned.cc",
            "src-native/loop.cc",
            "src-native/wakeups.cc",
            "src-native/trace.cc",
          ],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS"],
        }, {"type": "none"}],
      ],
    },
  ],
  # What the benchmarks measure against and with: programs in C, beside the addon in build/Release.
  "conditions": [
    ["OS=='linux'", {
      "target_defaults": {
        "target_conditions": [
          ["_type=='executable'", {
            "cflags": ["-std=c11", "-O2", "-pthread"],
            "cflags!": ["-O3"],
            "defines": ["_GNU_SOURCE"],
            "ldflags": ["-pthread"],
            "libraries": ["-lm"],
          }],
        ],
      },
      "targets": [
        {"target_name": "calls", "type": "executable", "sources": ["benchmarks/c/calls.c"]},
        {"target_name": "echo", "type": "executable", "sources": ["benchmarks/c/echo.c"]},
        {"target_name": "echo-poll", "type": "executable", "sources": ["benchmarks/c/echo-poll.c"]},
        {"target_name": "echo-select", "type": "executable", "sources": ["benchmarks/c/echo-select.c"]},
        {"target_name": "load", "type": "executable", "sources": ["benchmarks/c/load.c"]},
        {"target_name": "scaling", "type": "executable", "sources": ["benchmarks/c/scaling.c"]},
        {"target_name": "http-load", "type": "executable", "sources": ["benchmarks/c/http-load.c"]},
        {"target_name": "churn", "type": "executable", "sources": ["benchmarks/c/churn.c"]},
        {"target_name": "unruly", "type": "executable", "sources": ["benchmarks/c/unruly.c"]},
        {"target_name": "bad-link", "type": "executable", "sources": ["benchmarks/c/bad-link.c"]},
      ],
    }],
  ],
}
