// How a worker waits before a call that would block it.
#include "wait.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace fdmux {

bool MayBlock(const Thread& thread, int fd, short event) {
  if (!thread.worker) return false;
  int flags = fcntl(fd, F_GETFL);
  return flags != -1 && (flags & O_NONBLOCK) == 0 && (flags & O_ACCMODE) != (event == POLLIN ? O_WRONLY : O_RDONLY);
}

int64_t Patience(int fd, short event) {
  timeval limit{};
  socklen_t size = sizeof limit;
  getsockopt(fd, SOL_SOCKET, event == POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO, &limit, &size);
  constexpr int64_t kLongest = INT64_MAX / 2 / 1'000'000'000;
  int64_t ns = std::min<int64_t>(limit.tv_sec, kLongest) * 1'000'000'000 + limit.tv_usec * 1000;
  return ns == 0 ? -1 : ns;
}

}  // namespace fdmux
