// Signals as a readable descriptor: a handler that writes the signal's number into pipes.
// signalfd(2) is no help here: it wants the signal blocked in every thread, and Node.js's threads leave it open.
#include <sched.h>
#include <signal.h>
#include <unistd.h>

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

// What is there before is known before the handler asks for it.
static long Install(Watched* signal, int signum) {
  if (sigaction(signum, nullptr, &signal->before) == -1) return -errno;
  struct sigaction action {};
  action.sa_sigaction = Handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&action.sa_mask);
  return Answer(sigaction(signum, &action, nullptr));
}

// From now on each `signum` writes a byte, its number, into `fd`.
static long Add(int signum, int fd) {
  if (!Catchable(signum) || fd < 0) return -EINVAL;
  std::lock_guard<std::mutex> lock(changing);
  Watched& signal = watched[signum];
  if (signal.count == kPipes) return -ENOSPC;
  if (signal.count == 0) {
    for (auto& pipe : signal.pipes) pipe.store(-1);
  }
  for (auto& pipe : signal.pipes) {
    if (pipe.load() != -1) continue;
    pipe.store(fd);
    break;
  }
  return signal.count++ > 0 ? 0 : Install(&signal, signum);
}

// libuv may have put its handler in the place of this one, for a process.on that came later: that one stays.
static void Restore(int signum, const struct sigaction& before) {
  struct sigaction now;
  if (sigaction(signum, nullptr, &now) == 0 && now.sa_sigaction == Handle) sigaction(signum, &before, nullptr);
}

// No signal writes into `fd` any more once this has returned: it may be closed. The last one to leave restores
// what handled the signal before.
static long Remove(int signum, int fd) {
  std::lock_guard<std::mutex> lock(changing);
  Watched& signal = watched[signum];
  for (auto& pipe : signal.pipes) {
    if (signal.count == 0 || pipe.load() != fd) continue;
    if (signal.count == 1) Restore(signum, signal.before);
    pipe.store(-1);
    signal.count--;
    while (handling.load() > 0) sched_yield();
    return 0;
  }
  return -ENOENT;
}

static long SignalPipeAdd(Thread& thread, int signum, int fd) {
  long result = Add(signum, fd);
  if (result == 0) thread.signals.emplace_back(signum, fd);
  return result;
}

static long SignalPipeRemove(Thread& thread, int signum, int fd) {
  if (!Catchable(signum) || fd < 0) return -EINVAL;
  auto found = std::find(thread.signals.begin(), thread.signals.end(), std::pair(signum, fd));
  if (found == thread.signals.end()) return -ENOENT;
  thread.signals.erase(found);
  return Remove(signum, fd);
}

// A worker that is terminated removes nothing itself, and its descriptors' numbers go to others.
static void RemoveAll(void* data) {
  auto& signals = static_cast<Thread*>(data)->signals;
  for (const auto& [signum, fd] : signals) Remove(signum, fd);
  signals.clear();
}

// What handled a signal before the first of JavaScript's listeners: libuv, going, leaves the default in its place,
// where there may have been none at all (SIGHUP under nohup).
static struct sigaction original[kSignals];

static long SignalKeep(Thread&, int signum) {
  return Catchable(signum) ? Answer(sigaction(signum, nullptr, &original[signum])) : -EINVAL;
}

static long SignalRestore(Thread&, int signum) {
  struct sigaction now;
  if (!Catchable(signum)) return -EINVAL;
  std::lock_guard<std::mutex> lock(changing);
  Watched& signal = watched[signum];
  if (sigaction(signum, nullptr, &now) == -1 || now.sa_handler != SIG_DFL) return 0;
  // Another thread's pipes outlive this one's.
  if (signal.count > 0) return Install(&signal, signum);
  // libuv's handler without a listener would swallow the signal.
  bool libuvs = original[signum].sa_sigaction == signal.before.sa_sigaction;
  return libuvs ? 0 : Answer(sigaction(signum, &original[signum], nullptr));
}

void InitSignal(Family family) {
  family.Function<SignalKeep>("signal_keep");
  family.Function<SignalRestore>("signal_restore");
  napi_add_env_cleanup_hook(family.exports.Env(), RemoveAll, family.thread);
  family.Function<SignalPipeAdd>("signal_pipe_add");
  family.Function<SignalPipeRemove>("signal_pipe_remove");
}

}  // namespace fdmux
