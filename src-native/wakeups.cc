// What else can be waited for: counters, timers, processes, files.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "call.h"

// Kernel 5.3; an older libc has no wrapper, and its headers no number.
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
// Kernel 5.10. <linux/pidfd.h> says the same where it is there.
#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK O_NONBLOCK
#endif
// Kernel 3.0; missing in the headers of an older libc.
#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET (1 << 1)
#endif

namespace fdmux {

static long Eventfd(Thread&, uint32_t initval, int flags) { return Answer(eventfd(initval, flags)); }

static long TimerfdCreate(Thread&, int clockid, int flags) { return Answer(timerfd_create(clockid, flags)); }

// A struct itimerspec, as four numbers in the order of its fields.
static long TimerfdSettime(Thread& thread, int fd, int flags, int64_t interval_s, int64_t interval_ns, int64_t value_s,
                           int64_t value_ns, Array<double> old_value, int wants_old) {
  if (!old_value.Holds(thread.env, "oldValue", 4)) return 0;
  itimerspec next{};
  next.it_interval.tv_sec = static_cast<time_t>(interval_s);
  next.it_interval.tv_nsec = static_cast<long>(interval_ns);
  next.it_value.tv_sec = static_cast<time_t>(value_s);
  next.it_value.tv_nsec = static_cast<long>(value_ns);
  itimerspec old{};
  long result = Answer(timerfd_settime(fd, flags, &next, wants_old ? &old : nullptr));
  if (result == 0 && wants_old) {
    old_value.data[0] = static_cast<double>(old.it_interval.tv_sec);
    old_value.data[1] = static_cast<double>(old.it_interval.tv_nsec);
    old_value.data[2] = static_cast<double>(old.it_value.tv_sec);
    old_value.data[3] = static_cast<double>(old.it_value.tv_nsec);
  }
  return result;
}

static long PidfdOpen(Thread&, int pid, uint32_t flags) { return Answer(syscall(SYS_pidfd_open, pid, flags)); }

static long InotifyInit1(Thread&, int flags) { return Answer(inotify_init1(flags)); }

// The path is the one argument that is no number; as the last parameter it leaves the others their places.
static long InotifyAddWatch(Thread&, int fd, uint32_t mask, const std::string& pathname) {
  return Answer(inotify_add_watch(fd, pathname.c_str(), mask));
}

static long InotifyRmWatch(Thread&, int fd, int wd) { return Answer(inotify_rm_watch(fd, wd)); }

void InitWakeups(Family family) {
  family.SystemCall<Eventfd>("eventfd");
  family.SystemCall<TimerfdCreate>("timerfd_create");
  family.SystemCall<TimerfdSettime>("timerfd_settime", Holds::kFilled, 4);
  family.SystemCall<PidfdOpen>("pidfd_open");
  family.SystemCall<InotifyInit1>("inotify_init1");
  family.SystemCall<InotifyAddWatch>("inotify_add_watch");
  family.SystemCall<InotifyRmWatch>("inotify_rm_watch");
  family.Constants({
      FDMUX_CONSTANT(EFD_CLOEXEC),
      FDMUX_CONSTANT(EFD_NONBLOCK),
      FDMUX_CONSTANT(EFD_SEMAPHORE),
      FDMUX_CONSTANT(TFD_CLOEXEC),
      FDMUX_CONSTANT(TFD_NONBLOCK),
      FDMUX_CONSTANT(TFD_TIMER_ABSTIME),
      FDMUX_CONSTANT(TFD_TIMER_CANCEL_ON_SET),
      FDMUX_CONSTANT(CLOCK_REALTIME),
      FDMUX_CONSTANT(CLOCK_MONOTONIC),
      FDMUX_CONSTANT(CLOCK_BOOTTIME),
      FDMUX_CONSTANT(CLOCK_REALTIME_ALARM),
      FDMUX_CONSTANT(CLOCK_BOOTTIME_ALARM),
      FDMUX_CONSTANT(PIDFD_NONBLOCK),
      FDMUX_CONSTANT(IN_CLOEXEC),
      FDMUX_CONSTANT(IN_NONBLOCK),
      FDMUX_CONSTANT(IN_ACCESS),
      FDMUX_CONSTANT(IN_ATTRIB),
      FDMUX_CONSTANT(IN_CLOSE_WRITE),
      FDMUX_CONSTANT(IN_CLOSE_NOWRITE),
      FDMUX_CONSTANT(IN_CREATE),
      FDMUX_CONSTANT(IN_DELETE),
      FDMUX_CONSTANT(IN_DELETE_SELF),
      FDMUX_CONSTANT(IN_MODIFY),
      FDMUX_CONSTANT(IN_MOVE_SELF),
      FDMUX_CONSTANT(IN_MOVED_FROM),
      FDMUX_CONSTANT(IN_MOVED_TO),
      FDMUX_CONSTANT(IN_OPEN),
      FDMUX_CONSTANT(IN_CLOSE),
      FDMUX_CONSTANT(IN_MOVE),
      FDMUX_CONSTANT(IN_ALL_EVENTS),
      FDMUX_CONSTANT(IN_DONT_FOLLOW),
      FDMUX_CONSTANT(IN_EXCL_UNLINK),
      FDMUX_CONSTANT(IN_MASK_ADD),
      FDMUX_CONSTANT(IN_MASK_CREATE),
      FDMUX_CONSTANT(IN_ONESHOT),
      FDMUX_CONSTANT(IN_ONLYDIR),
      FDMUX_CONSTANT(IN_IGNORED),
      FDMUX_CONSTANT(IN_ISDIR),
      FDMUX_CONSTANT(IN_Q_OVERFLOW),
      FDMUX_CONSTANT(IN_UNMOUNT),
  });
  // Where TypeScript finds the parts of a struct inotify_event.
  family.Constants({
      {"INOTIFY_EVENT_BYTES", sizeof(inotify_event)},
      {"INOTIFY_EVENT_WD", offsetof(inotify_event, wd)},
      {"INOTIFY_EVENT_MASK", offsetof(inotify_event, mask)},
      {"INOTIFY_EVENT_COOKIE", offsetof(inotify_event, cookie)},
      {"INOTIFY_EVENT_LEN", offsetof(inotify_event, len)},
      {"INOTIFY_EVENT_NAME", offsetof(inotify_event, name)},
  });
}

}  // namespace fdmux
