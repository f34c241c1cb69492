// The descriptors that belong to a worker's objects. worker.terminate() runs no more JavaScript, so that nobody would
// close them; Node.js does the same for what fs.openSync opened in a worker.
#include <unistd.h>

#include "call.h"

namespace fdmux {

static long Own(Thread& thread, int fd) {
  if (fd < 0) return -EBADF;
  if (!thread.worker) return 0;
  auto place = static_cast<size_t>(fd);
  if (place >= thread.owned.size()) thread.owned.resize(place + 1);
  thread.owned[place] = true;
  return 0;
}

static void CloseOwned(void* data) {
  auto& owned = static_cast<Thread*>(data)->owned;
  for (size_t fd = 0; fd < owned.size(); fd++) {
    if (owned[fd]) close(static_cast<int>(fd));
  }
  owned.clear();
}

void InitOwned(Family family) {
  family.Function<Own>("own");
  // Hooks run last in, first out: what uses a descriptor at the end says so after this.
  napi_add_env_cleanup_hook(family.exports.Env(), CloseOwned, family.thread);
}

}  // namespace fdmux
