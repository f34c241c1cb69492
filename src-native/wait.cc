// How a worker waits before a call that would block it.
#include "wait.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace fdmux {

bool MayBlock(const Thread& thread, int fd) {
  if (!thread.worker) return false;
  int flags = fcntl(fd, F_GETFL);
  return flags != -1 && (flags & O_NONBLOCK) == 0;
}

long BeforeBlocking(const Thread& thread, int fd, short event) {
  timeval limit{};
  socklen_t size = sizeof limit;
  getsockopt(fd, SOL_SOCKET, event == POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO, &limit, &size);
  int64_t ns = limit.tv_sec * 1'000'000'000 + limit.tv_usec * 1000;
  pollfd one{fd, event, 0};
  long ready =
      InSlices(thread, ns == 0 ? -1 : ns, [&](int64_t slice) { return Answer(poll(&one, 1, Milliseconds(slice))); });
  if (ready < 0) return ready;
  return ready == 0 ? -EAGAIN : 0;
}

}  // namespace fdmux
