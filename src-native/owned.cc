// The descriptors that belong to a worker's objects. worker.terminate() runs no more JavaScript, so that nobody would
// close them; Node.js does the same for what fs.openSync opened in a worker.
#include <unistd.h>

#include "call.h"

namespace fdmux {

static long Own(Thread& thread, int fd) {
  if (fd < 0) return -EBADF;
  if (thread.worker) thread.owned.insert(fd);
  return 0;
}

static void CloseOwned(void* data) {
  auto& owned = static_cast<Thread*>(data)->owned;
  for (int fd : owned) close(fd);
  owned.clear();
}

void InitOwned(Family family) {
  family.Function<Own>("own");
  // Hooks run last in, first out: what uses a descriptor at the end says so after this.
  napi_add_env_cleanup_hook(family.exports.Env(), CloseOwned, family.thread);
}

}  // namespace fdmux
