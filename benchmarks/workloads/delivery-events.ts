/** fdmux's three ways from the kernel to a callback, and what the kernel alone takes, for the workload delivery. */
import { EPOLLIN, Epoll, type Watch, watch } from '../../src/index.js';
import * as sys from '../../src/sys/index.js';
import { serve } from './delivery-serve.js';

function setOf(fds: readonly number[]): Epoll {
  const epoll = new Epoll();
  for (const fd of fds) epoll.register(fd, EPOLLIN);
  return epoll;
}

await serve({
  // No event loop and no callback: what any way that asks the kernel must pay.
  epoll_wait(fds, told) {
    using epoll = setOf(fds);
    const events = new sys.EpollEvents(1024);
    for (;;) {
      const count = sys.epoll_wait(epoll.fd, events, 1024, -1);
      for (let i = 0; i < count; i++) if (!told(events.fd(i))) return;
    }
  },
  'Epoll.watch'(fds, told) {
    const epoll = setOf(fds);
    epoll.watch((events, count) => {
      for (let i = 0; i < count; i++) {
        if (told(events.fd(i))) continue;
        epoll.close();
        return;
      }
    });
  },
  'watch(fd)'(fds, told) {
    const watches: Watch[] = fds.map((fd) =>
      watch(fd, 'readable', () => {
        if (told(fd)) return;
        for (const one of watches) one.close();
      }),
    );
  },
  async 'for await'(fds, told) {
    using epoll = setOf(fds);
    for await (const batch of epoll) {
      for (const [fd] of batch) if (!told(fd)) return;
    }
  },
});
