// Signals as a readable descriptor: a handler that writes the signal's number into pipes.
// signalfd(2) is no help here: it wants the signal blocked in every thread, and Node.js's threads leave it open.
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "call.h"

namespace fdmux {

constexpr int kSignals = 65;
constexpr size_t kPipes = 16;

// What a signal's handler needs; all of it may be read at any moment, on any thread.
struct Watched {
  std::array<std::atomic<int>, kPipes> pipes;
  size_t count = 0;
  // What there was before the first pipe came, and what is called after it: libuv's.
  struct sigaction original;
  struct sigaction before;
};

static Watched watched[kSignals];
static std::mutex changing;
static std::atomic<int> handling{0};

// libuv's own handler, when there was one, still gets its signal. One that resets itself is Node.js's way of
// dying of the signal: this is what a SignalPipe is there to prevent.
static bool Chained(const struct sigaction& before) {
  if (before.sa_flags & SA_RESETHAND) return false;
  return (before.sa_flags & SA_SIGINFO) || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN);
}

static void Handle(int signum, siginfo_t* info, void* context) {
  int saved = errno;
  handling.fetch_add(1);
  const Watched& signal = watched[signum];
  const auto byte = static_cast<uint8_t>(signum);
  for (const auto& pipe : signal.pipes) {
    int fd = pipe.load();
    // A full pipe already says that there are signals to read.
    if (fd >= 0 && write(fd, &byte, 1) == -1) continue;
  }
  if (Chained(signal.before)) {
    if (signal.before.sa_flags & SA_SIGINFO) {
      signal.before.sa_sigaction(signum, info, context);
    } else {
      signal.before.sa_handler(signum);
    }
  }
  handling.fetch_sub(1);
  errno = saved;
}

static bool Catchable(int signum) {
  return signum > 0 && signum < kSignals && signum != SIGKILL && signum != SIGSTOP && signum != SIGSEGV &&
         signum != SIGBUS && signum != SIGFPE && signum != SIGILL && signum != SIGABRT && signum != SIGTRAP;
}

// One pipe for one signal. Its libuv handle does nothing but be there: libuv installs its handler with a signal's first
// handle and puts it over ours, resets it with the last. So ours begins first and ends last, in whichever thread.
struct Listener {
  uv_signal_t handle;
  Thread* thread;
  napi_async_cleanup_hook_handle hook;
  int signum;
  int fd;
};

static void Read(struct sigaction* action, int signum) { sigaction(signum, nullptr, action); }

static bool Same(const struct sigaction& one, const struct sigaction& other) {
  return one.sa_sigaction == other.sa_sigaction;
}

static void Install(Watched* signal, int signum) {
  Read(&signal->before, signum);
  struct sigaction action {};
  action.sa_sigaction = Handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&action.sa_mask);
  sigaction(signum, &action, nullptr);
}

// No signal writes into the pipe any more once this has returned: it may be closed. The last one to leave restores
// what handled the signal before.
static void Leave(Listener* listener) {
  std::lock_guard<std::mutex> lock(changing);
  const int signum = listener->signum;
  Watched& signal = watched[signum];
  for (auto& pipe : signal.pipes) {
    if (pipe.load() != listener->fd) continue;
    pipe.store(-1);
    break;
  }
  const bool last = --signal.count == 0;
  struct sigaction now;
  Read(&now, signum);
  // Another library may have put its handler in the place of ours: that one stays.
  if (last && now.sa_sigaction == Handle) sigaction(signum, &signal.before, nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&listener->handle), [](uv_handle_t* handle) {
    auto* listener = static_cast<Listener*>(handle->data);
    napi_remove_async_cleanup_hook(listener->hook);
    delete listener;
  });
  Read(&now, signum);
  // Nobody else has libuv's handler, which resets to the default; before it, there may have been another, or none at
  // all (SIGHUP under nohup).
  if (last && now.sa_handler == SIG_DFL && !Same(signal.original, signal.before)) {
    sigaction(signum, &signal.original, nullptr);
  }
  while (handling.load() > 0) sched_yield();
}

static void LeaveAtEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* listener = static_cast<Listener*>(data);
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&listener->handle))) return;
  auto& listeners = listener->thread->listeners;
  listeners.erase(std::find(listeners.begin(), listeners.end(), listener));
  Leave(listener);
}

// From now on each `signum` writes a byte, its number, into `fd`.
static long SignalPipeAdd(Thread& thread, int signum, int fd) {
  if (!Catchable(signum) || fd < 0) return -EINVAL;
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(thread.env, &loop) != napi_ok) return -EINVAL;
  std::lock_guard<std::mutex> lock(changing);
  Watched& signal = watched[signum];
  if (signal.count == kPipes) return -ENOSPC;
  if (signal.count == 0) {
    for (auto& pipe : signal.pipes) pipe.store(-1);
    Read(&signal.original, signum);
  }
  auto* listener = new Listener{{}, &thread, nullptr, signum, fd};
  if (int error = uv_signal_init(loop, &listener->handle)) {
    delete listener;
    return error;
  }
  auto* handle = reinterpret_cast<uv_handle_t*>(&listener->handle);
  handle->data = listener;
  uv_unref(handle);
  if (int error = uv_signal_start(
          &listener->handle, [](uv_signal_t*, int) {}, signum)) {
    uv_close(handle, [](uv_handle_t* handle) { delete static_cast<Listener*>(handle->data); });
    return error;
  }
  napi_add_async_cleanup_hook(thread.env, LeaveAtEnd, listener, &listener->hook);
  thread.listeners.push_back(listener);
  for (auto& pipe : signal.pipes) {
    if (pipe.load() != -1) continue;
    pipe.store(fd);
    break;
  }
  if (signal.count++ == 0) Install(&signal, signum);
  return 0;
}

static long SignalPipeRemove(Thread& thread, int signum, int fd) {
  if (!Catchable(signum) || fd < 0) return -EINVAL;
  auto& listeners = thread.listeners;
  for (auto at = listeners.begin(); at != listeners.end(); ++at) {
    Listener* listener = *at;
    if (listener->signum != signum || listener->fd != fd) continue;
    listeners.erase(at);
    Leave(listener);
    return 0;
  }
  return -ENOENT;
}

void InitSignal(Family family) {
  family.Function<SignalPipeAdd>("signal_pipe_add");
  family.Function<SignalPipeRemove>("signal_pipe_remove");
}

}  // namespace fdmux
