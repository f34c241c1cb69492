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
  for (;;) {
    int64_t left = end - Now();
    long result = wait(std::clamp<int64_t>(left, 0, kSlice));
    if (result != 0 || left <= 0) return result;
    if (thread.Terminating()) return -EINTR;
  }
}

// Whether a call on `fd` that waits for `event`, POLLIN or POLLOUT, could block this thread, and must not: a
// worker's, on a descriptor in blocking mode that is open for it.
bool MayBlock(const Thread& thread, int fd, short event);

// How long a blocking call on `fd` waits for `event`: the socket's own SO_RCVTIMEO or SO_SNDTIMEO; else for ever, -1.
int64_t Patience(int fd, short event);

// Makes a call on a blocking `fd` whenever `event` says that it would not block, until it answers other than -EAGAIN.
// -EINTR when JavaScript is being ended; -EAGAIN when the socket's own time has passed.
template <typename Attempt>
long WhenReady(const Thread& thread, int fd, short event, Attempt attempt) {
  long answer = -EAGAIN;
  long waited = InSlices(thread, Patience(fd, event), [&](int64_t slice) {
    pollfd one{fd, event, 0};
    long ready = Answer(poll(&one, 1, Milliseconds(slice)));
    if (ready <= 0) return ready;
    answer = attempt();
    if (answer != -EAGAIN) return 1L;
    // Another thread was faster; or poll(2) cannot tell, as for a unix datagram to a full peer.
    timespec pause = Timespec(kMillisecond);
    nanosleep(&pause, nullptr);
    return 0L;
  });
  return waited < 0 ? waited : answer;
}

}  // namespace fdmux
