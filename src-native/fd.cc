// What any descriptor can do: read, write, close, duplicate, be asked and be told; and how many there may be.
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "wait.h"

// Kernel 5.6. Where the headers are older, or belong to no kernel at all (musl's), this is what they would say.
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#else
struct open_how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};
#define RESOLVE_NO_XDEV 0x01
#define RESOLVE_NO_MAGICLINKS 0x02
#define RESOLVE_NO_SYMLINKS 0x04
#define RESOLVE_BENEATH 0x08
#define RESOLVE_IN_ROOT 0x10
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

// musl's headers do not know it, and musl had no wrapper for the two calls that take it before 1.2.5.
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

namespace fdmux {

// What a descriptor stands for decides how a worker reads and writes it: a mode of stat(2), 0 for what never blocks.
static mode_t KindThatBlocks(const Thread& thread, int fd, short event) {
  struct stat status;
  if (!MayBlock(thread, fd, event) || fstat(fd, &status) == -1) return 0;
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode) ? 0 : status.st_mode;
}

// Once poll(2) has promised bytes, another thread may take them: where a call can be told not to wait, it is.
// Pipes know RWF_NOWAIT since Linux 6.5.
static long ReadReady(int fd, mode_t kind, uint8_t* at, int64_t length) {
  if (S_ISSOCK(kind)) return Answer(recv(fd, at, length, MSG_DONTWAIT));
  if (S_ISFIFO(kind)) {
    iovec part{at, static_cast<size_t>(length)};
    long result = Answer(syscall(SYS_preadv2, fd, &part, 1, -1L, -1L, RWF_NOWAIT));
    if (result != -EOPNOTSUPP) return result;
  }
  return Answer(read(fd, at, length));
}

static long ReadFd(Thread& thread, int fd, Buffer buffer, int64_t offset, int64_t length) {
  uint8_t* at = buffer.Window(thread, offset, &length);
  if (at == nullptr) return 0;
  mode_t kind = length == 0 ? 0 : KindThatBlocks(thread, fd, POLLIN);
  if (kind == 0) return Answer(read(fd, at, length));
  return WhenReady(thread, fd, POLLIN, [&] { return ReadReady(fd, kind, at, length); });
}

// A pipe and a terminal promise room for PIPE_BUF bytes; anything else may take a write for one message.
static long WriteReady(int fd, mode_t kind, const uint8_t* at, int64_t length) {
  if (S_ISSOCK(kind)) return Answer(send(fd, at, length, MSG_DONTWAIT));
  if (S_ISFIFO(kind)) {
    iovec part{const_cast<uint8_t*>(at), static_cast<size_t>(length)};
    long result = Answer(syscall(SYS_pwritev2, fd, &part, 1, -1L, -1L, RWF_NOWAIT));
    if (result != -EOPNOTSUPP) return result;
  }
  if (S_ISFIFO(kind) || isatty(fd)) length = std::min<int64_t>(length, PIPE_BUF);
  return Answer(write(fd, at, length));
}

// A blocking write goes on until all is written.
static long WriteInPieces(const Thread& thread, int fd, mode_t kind, const uint8_t* at, int64_t length) {
  bool stream = S_ISSOCK(kind) || S_ISFIFO(kind) || isatty(fd);
  int64_t written = 0;
  for (;;) {
    long result = WhenReady(thread, fd, POLLOUT, [&] { return WriteReady(fd, kind, at + written, length - written); });
    if (result > 0) written += result;
    if (result <= 0 || written >= length || !stream) return written > 0 ? written : result;
  }
}

static long WriteFd(Thread& thread, int fd, Buffer buffer, int64_t offset, int64_t length) {
  uint8_t* at = buffer.Window(thread, offset, &length);
  if (at == nullptr) return 0;
  mode_t kind = KindThatBlocks(thread, fd, POLLOUT);
  if (kind == 0 || (length == 0 && !S_ISSOCK(kind))) return Answer(write(fd, at, length));
  return WriteInPieces(thread, fd, kind, at, length);
}

long Close(Thread& thread, int fd) {
  if (fd >= 0 && static_cast<size_t>(fd) < thread.owned.size()) thread.owned[static_cast<size_t>(fd)] = false;
  return Answer(close(fd));
}

static long Openat2(Thread&, int dirfd, const std::string& pathname, uint32_t flags, uint32_t mode, uint32_t resolve) {
  open_how how{};
  how.flags = flags;
  how.mode = mode;
  how.resolve = resolve;
  return Answer(syscall(SYS_openat2, dirfd, pathname.c_str(), &how, sizeof how));
}

static long Pipe2(Thread& thread, Array<int32_t> pipefd, int flags) {
  if (!pipefd.Holds(thread.env, "pipefd", 2)) return 0;
  return Answer(pipe2(pipefd.data, flags));
}

static long Dup(Thread&, int fd) { return Answer(dup(fd)); }

// Only commands whose argument is a number: others take a pointer, and JavaScript has none to give.
long Fcntl(Thread& thread, int fd, int command, int argument) {
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
    case F_GETFD:
    case F_SETFD:
    case F_GETFL:
    case F_SETFL:
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
      return Answer(fcntl(fd, command, argument));
    default:
      ThrowRange(thread.env, "cmd",
                 "one of F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETPIPE_SZ, F_SETPIPE_SZ",
                 command);
      return 0;
  }
}

// Only requests that fill one int: what another one would write, and how much, nobody here knows.
static long Ioctl(Thread& thread, int fd, int64_t request, Array<int32_t> value) {
  if (request != FIONREAD && request != TIOCOUTQ) {
    ThrowRange(thread.env, "request", "one of FIONREAD, TIOCOUTQ", request);
    return 0;
  }
  if (!value.Holds(thread.env, "argp", 1)) return 0;
  return Answer(ioctl(fd, static_cast<unsigned long>(request), value.data));
}

// Only the limit on descriptors: others end the process when they are set low.
static bool IsNofile(const Thread& thread, int resource) {
  if (resource == RLIMIT_NOFILE) return true;
  ThrowRange(thread.env, "resource", "RLIMIT_NOFILE", resource);
  return false;
}

static double FromLimit(rlim_t limit) {
  return limit == RLIM_INFINITY ? std::numeric_limits<double>::infinity() : static_cast<double>(limit);
}

static rlim_t ToLimit(double limit) { return std::isinf(limit) ? RLIM_INFINITY : static_cast<rlim_t>(limit); }

static long Getrlimit(Thread& thread, int resource, Array<double> rlim) {
  if (!IsNofile(thread, resource) || !rlim.Holds(thread.env, "rlim", 2)) return 0;
  rlimit limit{};
  long result = Answer(getrlimit(RLIMIT_NOFILE, &limit));
  if (result == 0) {
    rlim.data[0] = FromLimit(limit.rlim_cur);
    rlim.data[1] = FromLimit(limit.rlim_max);
  }
  return result;
}

static long Setrlimit(Thread& thread, int resource, double soft, double hard) {
  if (!IsNofile(thread, resource)) return 0;
  rlimit limit{ToLimit(soft), ToLimit(hard)};
  return Answer(setrlimit(RLIMIT_NOFILE, &limit));
}

void InitFd(Family family) {
  family.SystemCall<ReadFd>("read", Holds::kFilled);
  family.SystemCall<WriteFd>("write", Holds::kGiven);
  family.SystemCall<Close>("close");
  family.SystemCall<Openat2>("openat2");
  family.SystemCall<Pipe2>("pipe2", Holds::kFilled, 2);
  family.SystemCall<Dup>("dup");
  family.SystemCall<Fcntl>("fcntl");
  family.SystemCall<Ioctl>("ioctl", Holds::kFilled, 1);
  family.SystemCall<Getrlimit>("getrlimit", Holds::kFilled, 2);
  family.SystemCall<Setrlimit>("setrlimit");
  family.Constants({
      FDMUX_CONSTANT(STDIN_FILENO),
      FDMUX_CONSTANT(STDOUT_FILENO),
      FDMUX_CONSTANT(STDERR_FILENO),
      FDMUX_CONSTANT(O_RDONLY),
      FDMUX_CONSTANT(O_WRONLY),
      FDMUX_CONSTANT(O_RDWR),
      FDMUX_CONSTANT(O_ACCMODE),
      FDMUX_CONSTANT(O_APPEND),
      FDMUX_CONSTANT(O_NONBLOCK),
      FDMUX_CONSTANT(O_CLOEXEC),
      FDMUX_CONSTANT(O_CREAT),
      FDMUX_CONSTANT(O_DIRECT),
      FDMUX_CONSTANT(O_DIRECTORY),
      FDMUX_CONSTANT(O_EXCL),
      FDMUX_CONSTANT(O_NOCTTY),
      FDMUX_CONSTANT(O_NOFOLLOW),
      FDMUX_CONSTANT(O_PATH),
      FDMUX_CONSTANT(O_TMPFILE),
      FDMUX_CONSTANT(O_TRUNC),
      FDMUX_CONSTANT(AT_FDCWD),
      FDMUX_CONSTANT(RESOLVE_BENEATH),
      FDMUX_CONSTANT(RESOLVE_IN_ROOT),
      FDMUX_CONSTANT(RESOLVE_NO_MAGICLINKS),
      FDMUX_CONSTANT(RESOLVE_NO_SYMLINKS),
      FDMUX_CONSTANT(RESOLVE_NO_XDEV),
      FDMUX_CONSTANT(FD_CLOEXEC),
      FDMUX_CONSTANT(F_DUPFD),
      FDMUX_CONSTANT(F_DUPFD_CLOEXEC),
      FDMUX_CONSTANT(F_GETFD),
      FDMUX_CONSTANT(F_SETFD),
      FDMUX_CONSTANT(F_GETFL),
      FDMUX_CONSTANT(F_SETFL),
      FDMUX_CONSTANT(F_GETPIPE_SZ),
      FDMUX_CONSTANT(F_SETPIPE_SZ),
      FDMUX_CONSTANT(FIONREAD),
      FDMUX_CONSTANT(TIOCOUTQ),
      FDMUX_CONSTANT(PIPE_BUF),
      FDMUX_CONSTANT(RLIMIT_NOFILE),
      {"RLIM_INFINITY", std::numeric_limits<double>::infinity()},
  });
}

}  // namespace fdmux
