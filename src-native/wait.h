// Waits that can be ended: in one system call on the main thread, in slices in a worker.
#pragma once

#include <poll.h>
#include <time.h>

#include <algorithm>

#include "call.h"

namespace fdmux {

constexpr int64_t kMillisecond = 1'000'000;
// Long enough to cost nothing (20 wake-ups a second), short enough that nobody notices terminate() wait.
constexpr int64_t kSlice = 50 * kMillisecond;

inline int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

inline timespec Timespec(int64_t ns) {
  timespec time;
  time.tv_sec = ns / 1'000'000'000;
  time.tv_nsec = ns % 1'000'000'000;
  // C rounds towards zero; a negative time must stay negative for the kernel to refuse it.
  if (time.tv_nsec < 0) {
    time.tv_sec -= 1;
    time.tv_nsec += 1'000'000'000;
  }
  return time;
}

// Rounded up: a wait may end late, never early.
inline int Milliseconds(int64_t ns) { return static_cast<int>((ns + kMillisecond - 1) / kMillisecond); }

// Whether a wait of `ns` (negative: for ever) on this thread must be cut into slices.
inline bool Sliced(const Thread& thread, int64_t ns) { return thread.worker && (ns < 0 || ns > kSlice); }

// Calls `wait(ns)` until it answers other than 0, `ns` have passed, or JavaScript is being ended (-EINTR).
template <typename Wait>
long InSlices(const Thread& thread, int64_t ns, Wait wait) {
  const int64_t end = ns < 0 ? INT64_MAX : std::min(ns, INT64_MAX / 2) + Now();
  for (int64_t left = ns < 0 ? INT64_MAX : ns; left > kSlice; left = ns < 0 ? INT64_MAX : end - Now()) {
    long result = wait(kSlice);
    if (result != 0) return result;
    if (thread.Terminating()) return -EINTR;
  }
  return wait(std::max<int64_t>(end - Now(), 0));
}

// Whether a call on `fd` could block this thread, and must not: a worker's, on a descriptor in blocking mode.
bool MayBlock(const Thread& thread, int fd);

// Waits, in slices, until a call on a blocking `fd` would not block: `event` is POLLIN or POLLOUT. 0; -EINTR;
// or -EAGAIN when the socket's own SO_RCVTIMEO or SO_SNDTIMEO has passed.
long BeforeBlocking(const Thread& thread, int fd, short event);

}  // namespace fdmux
