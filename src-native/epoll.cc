// epoll(7): create, control, wait.
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "wait.h"

// Kernel 5.11; the headers of an older libc do not know it, and its libc has no wrapper.
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

namespace fdmux {

static long EpollCreate1(Thread&, int flags) { return Answer(epoll_create1(flags)); }

static long EpollCtl(Thread&, int epfd, int op, int fd, uint32_t events, uint32_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<uint64_t>(tag) << 32 | static_cast<uint32_t>(fd);
  return Answer(epoll_ctl(epfd, op, fd, &event));
}

static bool Fits(const Thread& thread, const Memory* events, int maxevents) {
  if (events == nullptr) {
    ThrowType(thread.env, "The \"events\" argument must be an instance of EpollEvents");
    return false;
  }
  if (maxevents > 0 && static_cast<size_t>(maxevents) > events->bytes / sizeof(epoll_event)) {
    std::string expected = "<= " + std::to_string(events->bytes / sizeof(epoll_event)) + " (events.capacity)";
    ThrowRange(thread.env, "maxevents", expected.c_str(), maxevents);
    return false;
  }
  return true;
}

long EpollWait(Thread& thread, int epfd, Memory* memory, int maxevents, int timeout) {
  if (!Fits(thread, memory, maxevents)) return 0;
  auto* events = memory->As<epoll_event>();
  if (!Sliced(thread, timeout * kMillisecond)) return Answer(epoll_wait(epfd, events, maxevents, timeout));
  return InSlices(thread, timeout * kMillisecond,
                  [&](int64_t ns) { return Answer(epoll_wait(epfd, events, maxevents, Milliseconds(ns))); });
}

static long EpollPwait2(Thread& thread, int epfd, Memory* memory, int maxevents, int64_t timeout, int forever) {
  if (!Fits(thread, memory, maxevents)) return 0;
  auto* events = memory->As<epoll_event>();
  auto wait = [&](int64_t ns) {
    timespec time = Timespec(ns);
    return Answer(syscall(SYS_epoll_pwait2, epfd, events, maxevents, forever && ns < 0 ? nullptr : &time, nullptr, 0));
  };
  if (forever) timeout = -1;
  if (Sliced(thread, timeout) && (forever || timeout >= 0)) return InSlices(thread, timeout, wait);
  return wait(timeout);
}

void InitEpoll(Family family) {
  family.SystemCall<EpollCreate1>("epoll_create1");
  family.SystemCall<EpollCtl>("epoll_ctl");
  family.SystemCall<EpollWait>("epoll_wait", Holds::kEvents);
  family.SystemCall<EpollPwait2>("epoll_pwait2", Holds::kEvents);
  family.Constants({
      FDMUX_CONSTANT(EPOLL_CLOEXEC),  FDMUX_CONSTANT(EPOLL_CTL_ADD), FDMUX_CONSTANT(EPOLL_CTL_MOD),
      FDMUX_CONSTANT(EPOLL_CTL_DEL),  FDMUX_CONSTANT(EPOLLIN),       FDMUX_CONSTANT(EPOLLPRI),
      FDMUX_CONSTANT(EPOLLOUT),       FDMUX_CONSTANT(EPOLLRDNORM),   FDMUX_CONSTANT(EPOLLRDBAND),
      FDMUX_CONSTANT(EPOLLWRNORM),    FDMUX_CONSTANT(EPOLLWRBAND),   FDMUX_CONSTANT(EPOLLMSG),
      FDMUX_CONSTANT(EPOLLERR),       FDMUX_CONSTANT(EPOLLHUP),      FDMUX_CONSTANT(EPOLLRDHUP),
      FDMUX_CONSTANT(EPOLLEXCLUSIVE), FDMUX_CONSTANT(EPOLLWAKEUP),   FDMUX_CONSTANT(EPOLLONESHOT),
      FDMUX_CONSTANT(EPOLLET),
  });
  // Where TypeScript finds an event's parts, counted in 32-bit words: the struct is packed on x86-64 only,
  // and the low half of `data` comes first on little-endian machines.
  constexpr bool kLittle = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  constexpr size_t kWords = sizeof(epoll_event) / 4;
  constexpr size_t kEvents = offsetof(epoll_event, events) / 4;
  constexpr size_t kData = offsetof(epoll_event, data) / 4;
  family.Constants({
      {"EPOLL_EVENT_WORDS", kWords},
      {"EPOLL_EVENT_EVENTS", kEvents},
      {"EPOLL_EVENT_FD", kData + (kLittle ? 0 : 1)},
      {"EPOLL_EVENT_TAG", kData + (kLittle ? 1 : 0)},
  });
}

}  // namespace fdmux
