// poll(2) and ppoll(2).
#include <poll.h>

#include <cstddef>

#include "wait.h"

namespace fdmux {

static bool Fits(const Thread& thread, const Memory* fds, int64_t nfds) {
  if (fds == nullptr) {
    ThrowType(thread.env, "The \"fds\" argument must be an instance of PollFds");
    return false;
  }
  size_t capacity = fds->bytes / sizeof(pollfd);
  if (nfds < 0 || static_cast<size_t>(nfds) > capacity) {
    std::string expected = ">= 0 && <= " + std::to_string(capacity) + " (fds.capacity)";
    ThrowRange(thread.env, "nfds", expected.c_str(), nfds);
    return false;
  }
  return true;
}

static long Poll(Thread& thread, Memory* memory, int64_t nfds, int timeout) {
  if (!Fits(thread, memory, nfds)) return 0;
  auto* fds = memory->As<pollfd>();
  if (!Sliced(thread, timeout * kMillisecond)) return Answer(poll(fds, nfds, timeout));
  return InSlices(thread, timeout * kMillisecond,
                  [&](int64_t ns) { return Answer(poll(fds, nfds, Milliseconds(ns))); });
}

static long Ppoll(Thread& thread, Memory* memory, int64_t nfds, int64_t timeout, int forever) {
  if (!Fits(thread, memory, nfds)) return 0;
  auto* fds = memory->As<pollfd>();
  auto wait = [&](int64_t ns) {
    timespec time = Timespec(ns);
    return Answer(ppoll(fds, nfds, forever && ns < 0 ? nullptr : &time, nullptr));
  };
  if (forever) timeout = -1;
  if (Sliced(thread, timeout) && (forever || timeout >= 0)) return InSlices(thread, timeout, wait);
  return wait(timeout);
}

void InitPoll(Family family) {
  family.SystemCall<Poll>("poll", Holds::kPollFds);
  family.SystemCall<Ppoll>("ppoll", Holds::kPollFds);
  family.Constants({
      FDMUX_CONSTANT(POLLIN),
      FDMUX_CONSTANT(POLLPRI),
      FDMUX_CONSTANT(POLLOUT),
      FDMUX_CONSTANT(POLLERR),
      FDMUX_CONSTANT(POLLHUP),
      FDMUX_CONSTANT(POLLNVAL),
      FDMUX_CONSTANT(POLLRDNORM),
      FDMUX_CONSTANT(POLLRDBAND),
      FDMUX_CONSTANT(POLLWRNORM),
      FDMUX_CONSTANT(POLLWRBAND),
      FDMUX_CONSTANT(POLLMSG),
      FDMUX_CONSTANT(POLLRDHUP),
  });
  family.Constants({
      {"POLLFD_BYTES", sizeof(pollfd)},
      {"POLLFD_FD", offsetof(pollfd, fd)},
      {"POLLFD_EVENTS", offsetof(pollfd, events)},
      {"POLLFD_REVENTS", offsetof(pollfd, revents)},
  });
}

}  // namespace fdmux
